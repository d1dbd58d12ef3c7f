# The values in mclust_dr.json: Rscript mclust_dr.R > mclust_dr.json
# Needs the R packages mclust and jsonlite, which also bring the data.

suppressMessages(library(mclust))
library(jsonlite)

data(banknote, package = "mclust")
tables <- list(iris = as.matrix(iris[, 1:4]), banknote = as.matrix(banknote[, -1]))

record <- function(name, model, number, lambda) {
  fit <- Mclust(tables[[name]], G = number, modelNames = model, verbose = FALSE)
  found <- MclustDR(fit, lambda = lambda)
  directions <- seq_len(found$numdir)
  list(
    data = name, model = model, lambda = lambda,
    weights = fit$parameters$pro,
    means = unname(t(fit$parameters$mean)),
    covariances = lapply(seq_len(number), function(k) unname(fit$parameters$variance$sigma[, , k])),
    covariance = unname(found$Sigma),
    values = found$evalues[directions],
    directions = unname(found$raw.evectors[, directions, drop = FALSE]),
    basis = unname(found$basis)
  )
}

cat(toJSON(
  list(
    program = paste("mclust", packageVersion("mclust")),
    maps = list(
      record("iris", "VVV", 3, 0.5), record("iris", "VVV", 3, 1), record("iris", "VVV", 2, 0.2),
      record("iris", "EEE", 4, 0.5), record("iris", "VVI", 3, 0.5), record("iris", "VII", 2, 0),
      record("banknote", "VVE", 3, 0.5), record("banknote", "EEE", 2, 1)
    )
  ),
  digits = I(17), auto_unbox = TRUE
), "\n")
