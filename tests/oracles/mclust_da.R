# The values in mclust_da.json: Rscript mclust_da.R > mclust_da.json
# Needs the R packages mclust and jsonlite, which also bring the data.

suppressMessages(library(mclust))
library(jsonlite)

data(banknote, package = "mclust")
tables <- list(
  iris = list(x = as.matrix(iris[, 1:4]), y = as.character(iris$Species)),
  banknote = list(x = as.matrix(banknote[, -1]), y = as.character(banknote$Status))
)
tight <- emControl(tol = c(1e-13, 1e-13), itmax = c(100000, 100000))

# Every other row is for the fit, as in mclust's vignette.
record <- function(name, kind, models, numbers) {
  x <- tables[[name]]$x
  y <- tables[[name]]$y
  odd <- seq(1, nrow(x), by = 2)
  fit <- MclustDA(x[odd, ], y[odd], G = numbers, modelNames = models, modelType = kind,
                  control = tight, verbose = FALSE)
  found <- predict(fit, x[-odd, ])
  list(
    data = name, kind = kind, models = models,
    log_likelihood = fit$loglik, n_parameters = fit$df, bic = fit$bic,
    chosen = unname(sapply(fit$models, function(m) m$modelName)),
    n_components = unname(sapply(fit$models, function(m) m$G)),
    errors = sum(as.character(found$classification) != y[-odd]),
    first = unname(found$z[1:5, ])
  )
}

families <- c("VVV", "EEE", "VVI", "VII")
records <- c(
  unlist(lapply(names(tables), function(name) {
    lapply(families, function(model) record(name, "EDDA", model, 1))
  }), recursive = FALSE),
  lapply(names(tables), function(name) record(name, "MclustDA", families, 1:5))
)
cat(toJSON(
  list(
    program = paste("mclust", packageVersion("mclust")),
    fits = records
  ),
  digits = I(17), auto_unbox = TRUE
), "\n")
