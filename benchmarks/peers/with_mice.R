# Draws of mice for what a table misses.
# Rscript with_mice.R FOLDER METHOD M: reads rows.csv, writes draw1.csv … drawM.csv, and prints one
# JSON object with the seconds of its processor that the imputation took.

suppressMessages(library(mice))
given <- commandArgs(trailingOnly = TRUE)
folder <- given[1]
rows <- read.csv(file.path(folder, "rows.csv"), header = FALSE, na.strings = "nan")
began <- proc.time()
found <- suppressWarnings(
  mice(rows, m = as.integer(given[3]), method = given[2], printFlag = FALSE, seed = 1)
)
spent <- proc.time() - began
for (i in seq_len(found$m)) {
  write.table(
    complete(found, i), file.path(folder, sprintf("draw%d.csv", i)),
    sep = ",", row.names = FALSE, col.names = FALSE
  )
}
cat(sprintf(
  '{"seconds": %f, "version": "%s"}\n',
  sum(spent[c("user.self", "sys.self")]), packageVersion("mice")
))
