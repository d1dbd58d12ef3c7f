# MclustDA() on folds: a folder with rows.csv and classes.csv (class, fold); writes found.csv, the
# probabilities of classes for each row, and prints seconds.

suppressPackageStartupMessages(library(mclust))

words <- commandArgs(trailingOnly = TRUE)
x <- as.matrix(read.csv(file.path(words[1], "rows.csv"), header = FALSE))
about <- read.csv(file.path(words[1], "classes.csv"), header = FALSE)
y <- factor(about[, 1])
found <- matrix(0, nrow(x), nlevels(y))
began <- proc.time()[3]
for (fold in unique(about[, 2])) {
  test <- about[, 2] == fold
  fit <- MclustDA(x[!test, ], y[!test], modelType = words[2], verbose = FALSE)
  found[test, ] <- predict(fit, x[test, , drop = FALSE])$z
}
seconds <- proc.time()[3] - began
write.table(found, file.path(words[1], "found.csv"), sep = ",", row.names = FALSE, col.names = FALSE)
cat(seconds, "\n")
