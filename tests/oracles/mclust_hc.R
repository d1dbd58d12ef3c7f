# The partitions in mclust_hc.json: Rscript mclust_hc.R FOLDER > mclust_hc.json
# Needs the R packages mclust and jsonlite, and mclust.json beside it, for the rows drawn there. The
# folder is where faithful.csv and banknote_swiss.csv may be; R and mclust bring them, too.
# A partition into 2 to 9 groups is written as a text, a digit a row. Equal rows are together from
# the start, by the partition that is named as the default in help(hc); that one is not handed on
# where hc is called without it, as Mclust calls it, and so there are records of that, too.

suppressMessages(library(mclust))
library(jsonlite)

given <- commandArgs(trailingOnly = FALSE)
here <- dirname(sub("--file=", "", given[grep("--file=", given)]))
data(diabetes, package = "mclust")
data(banknote, package = "mclust")
data(acidity, package = "mclust")
tables <- list(
  simulated = fromJSON(file.path(here, "mclust.json"))$simulated,
  iris = as.matrix(iris[, 1:4]),
  faithful = as.matrix(faithful),
  diabetes = as.matrix(diabetes[, -1]),
  banknote = as.matrix(banknote[, -1])
)

# The order of pairs is that of what they cost; where two cost the same, it is rounding's.
records <- list()
for (name in names(tables)) {
  x <- unname(tables[[name]])
  for (model in c("VVV", "EEE", "VII", "EII")) {
    for (use in c("SVD", "VARS", "STD")) {
      for (together in if (use == "SVD") c(TRUE, FALSE) else TRUE) {
        first <- if (together) dupPartition(x) else seq_len(nrow(x))
        labels <- hclass(hc(x, modelName = model, use = use, partition = first), 2:9)
        records[[length(records) + 1]] <- list(
          data = name, model = model, use = use, together = together,
          labels = unname(apply(labels, 2, paste, collapse = ""))
        )
      }
    }
  }
}
columns <- list(acidity = acidity, eruptions = faithful$eruptions, waiting = faithful$waiting)
cuts <- lapply(names(columns), function(name) {
  list(
    data = name, values = columns[[name]],
    labels = sapply(2:9, function(k) paste(mclust:::qclass(columns[[name]], k), collapse = ""))
  )
})
cat(toJSON(
  list(program = paste("mclust", packageVersion("mclust")), trees = records, quantiles = cuts),
  digits = I(17), auto_unbox = TRUE
), "\n")
