# The tables in mclust_tables.json: Rscript mclust_tables.R FOLDER > mclust_tables.json
# Needs the R packages mclust and jsonlite, and the sets as csv files in a folder. For each set the
# log-likelihood of every model with 1 to 9 components, as mclustBIC finds it by default: from its
# own hierarchy, to its own tolerance. null is a model that mclust says it cannot fit.

suppressMessages(library(mclust))
library(jsonlite)

folder <- commandArgs(trailingOnly = TRUE)[1]
column <- function(file, use) {
  x <- as.matrix(read.csv(file.path(folder, file))[, use, drop = FALSE])
  storage.mode(x) <- "double"
  unname(x)
}
sets <- list(
  faithful = column("faithful.csv", 1:2),
  iris = unname(as.matrix(iris[, 1:4])),
  diabetes = column("diabetes_reaven_miller.csv", 2:4),
  crabs = column("crabs_leptograpsus.csv", -(1:3)),
  banknote = column("banknote_swiss.csv", 2:7),
  acidity = column("acidity.csv", 1),
  enzyme = column("enzyme.csv", 1),
  galaxies = column("galaxies.csv", 1),
  stamps = column("stamps_hidalgo.csv", 1),
  wine13 = column("wine13.csv", -1),
  wine27 = scale(column("wine27_pgmm.csv", -1)),
  flea = column("flea.csv", 1:6),
  geyser2 = column("geyser2_tclust.csv", 1:2),
  chevron = column("chevron.csv", 2:3),
  wreath = column("wreath.csv", 1:2),
  x2 = column("x2_mixture.csv", 1:2)
)
records <- lapply(names(sets), function(name) {
  x <- sets[[name]]
  d <- ncol(x)
  if (d == 1) x <- x[, 1]
  simple <- c("EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE", "EEV", "VVV")
  models <- if (d == 1) c("E", "V") else if (d > 12) simple else mclust.options("emModelNames")
  table <- mclustBIC(x, G = 1:9, modelNames = models, verbose = FALSE)
  n <- if (d == 1) length(x) else nrow(x)
  values <- lapply(models, function(model) {
    sapply(1:9, function(g) {
      bic <- table[g, model]
      if (is.na(bic)) NA else (bic + nMclustParams(model, d, g) * log(n)) / 2
    })
  })
  names(values) <- models
  list(data = name, n_rows = n, n_features = d, log_likelihood = values)
})
cat(toJSON(
  list(program = paste("mclust", packageVersion("mclust")), tables = records),
  digits = I(17), auto_unbox = TRUE, na = "null"
), "\n")
