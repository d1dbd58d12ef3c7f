# MGMM's FitGMM() from a given start: seconds of fits of so many iterations each.

suppressPackageStartupMessages(library(MGMM))

words <- commandArgs(trailingOnly = TRUE)
read <- function(name) {
  as.matrix(read.csv(file.path(words[1], paste0(name, ".csv")), header = FALSE, na.strings = "nan"))
}
rows <- unname(read("rows"))
weights <- as.vector(read("weights"))
k <- length(weights)
d <- ncol(rows)
means <- unname(read("means"))
covariances <- unname(read("covariances"))
seconds <- sapply(as.integer(words[-1]), function(iterations) {
  began <- as.numeric(Sys.time())
  FitGMM(
    rows, k = k, init_means = lapply(seq_len(k), function(j) means[j, ]),
    init_covs = lapply(seq_len(k), function(j) matrix(covariances[j, ], d, d)),
    init_props = weights, maxit = iterations, eps = 0, report = FALSE
  )
  as.numeric(Sys.time()) - began
})
cat(sprintf(
  "{\"version\": \"%s\", \"seconds\": [%s]}\n", as.character(packageVersion("MGMM")),
  paste(sprintf("%.9f", seconds), collapse = ", ")
))
