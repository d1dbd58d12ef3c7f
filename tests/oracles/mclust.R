# The values in mclust.json: Rscript mclust.R > mclust.json
# Needs the R packages mclust and jsonlite. Data come with R and with mclust, but for `simulated`,
# which is drawn here and recorded, and `enzyme` and `stamps` (package multimode), which are read
# from a folder of csv files if one is given: Rscript mclust.R FOLDER > mclust.json

suppressMessages(library(mclust))
library(jsonlite)

given <- commandArgs(trailingOnly = TRUE)

set.seed(20)
simulated <- round(rbind(
  matrix(rnorm(60 * 3), 60) %*% matrix(c(2, 1, 0, 0, 1, 0.5, 0, 0, 0.3), 3),
  sweep(matrix(rnorm(40 * 3), 40), 2, c(4, -3, 2), "+"),
  sweep(matrix(rnorm(20 * 3), 20) * 2.5, 2, c(-5, 6, 1), "+")
), 3)

data(diabetes, package = "mclust")
data(acidity, package = "mclust")
tables <- list(
  simulated = simulated,
  iris = as.matrix(iris[, 1:4]),
  faithful = as.matrix(faithful),
  diabetes = as.matrix(diabetes[, -1]),
  acidity = acidity
)
fits <- list(
  c("simulated", "VVV", 3), c("simulated", "EEE", 3), c("simulated", "VVI", 3),
  c("simulated", "VII", 3), c("simulated", "VVI", 5),
  c("iris", "VVV", 2), c("iris", "VVV", 3), c("iris", "EEE", 3), c("iris", "VVI", 3),
  c("iris", "VII", 4),
  c("faithful", "EEE", 3), c("faithful", "VVV", 2), c("faithful", "VVI", 3),
  c("faithful", "VII", 4),
  c("diabetes", "VVV", 3), c("diabetes", "VVI", 4), c("diabetes", "EEE", 3),
  c("acidity", "E", 2), c("acidity", "V", 2), c("acidity", "V", 3)
)
if (length(given)) {
  column <- function(file) read.csv(file.path(given[1], file))[, 1]
  tables$enzyme <- column("enzyme.csv")
  tables$stamps <- column("stamps_hidalgo.csv")
  fits <- c(fits, list(c("enzyme", "V", 2), c("enzyme", "E", 2), c("stamps", "V", 3)))
}

tight <- emControl(tol = c(1e-13, 1e-13), itmax = c(100000, 100000))

# Full precision; matrices by row, covariances component first.
record <- function(name, model, k, prior) {
  x <- tables[[name]]
  control <- if (prior) priorControl() else NULL
  fit <- Mclust(x, G = k, modelNames = model, prior = control, control = tight, verbose = FALSE)
  variance <- fit$parameters$variance
  values <- switch(model,
    E = variance$sigmasq, V = variance$sigmasq, VII = variance$sigmasq,
    EEE = variance$Sigma,
    VVI = t(apply(variance$sigma, 3, diag)),
    VVV = aperm(variance$sigma, c(3, 1, 2))
  )
  means <- fit$parameters$mean
  list(
    data = name, model = model, n_components = k, prior = prior, n_rows = fit$n,
    log_likelihood = fit$loglik, n_parameters = fit$df, bic = fit$bic, icl = icl(fit),
    weights = fit$parameters$pro,
    means = if (is.matrix(means)) t(means) else matrix(means, ncol = 1),
    covariances = values,
    labels = unname(fit$classification) - 1
  )
}

records <- c(
  lapply(fits, function(f) record(f[1], f[2], as.integer(f[3]), FALSE)),
  lapply(
    list(c("simulated", "VVV"), c("simulated", "EEE"), c("simulated", "VVI"),
         c("simulated", "VII"), c("iris", "VVV"), c("iris", "EEE")),
    function(f) record(f[1], f[2], 3L, TRUE)
  )
)
cat(toJSON(
  list(
    program = paste("mclust", packageVersion("mclust")),
    simulated = simulated,
    fits = records
  ),
  digits = I(17), auto_unbox = TRUE
), "\n")
