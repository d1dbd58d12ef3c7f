# The values in hdclassif.json: Rscript hdclassif.R > hdclassif.json
# Needs the R packages HDclassif and jsonlite. Data are drawn here and recorded.

suppressMessages(library(HDclassif))
library(jsonlite)

set.seed(7)
p <- 10
sizes <- c(70, 60, 80)
dims <- c(2, 3, 4)
part <- function(n, d, centre, along, beside) {
  q <- qr.Q(qr(matrix(rnorm(p * d), p)))
  x <- matrix(rnorm(n * d), n) %*% diag(sqrt(along * (d:1)), d) %*% t(q)
  sweep(x + matrix(rnorm(n * p), n) * sqrt(beside), 2, centre, "+")
}
x <- round(rbind(
  part(sizes[1], dims[1], rep(0, p), 8, 0.6),
  part(sizes[2], dims[2], rep(c(5, 0), p / 2), 6, 0.8),
  part(sizes[3], dims[3], rep(c(0, 5), p / 2), 7, 1.0)
), 3)
each <- rep(1:3, sizes)
models <- c(
  "AkjBkQkDk", "AkBkQkDk", "ABkQkDk", "AkjBQkDk", "AkBQkDk", "ABQkDk",
  "AkjBkQkD", "AkBkQkD", "ABkQkD", "AkjBQkD", "AkBQkD", "ABQkD"
)

record <- function(model) {
  options <- list(
    x, K = 3, model = model, init = "vector", init.vector = each, eps = 1e-12, itermax = 5000,
    threshold = 0.2, show = FALSE
  )
  if (!endsWith(model, "Dk")) options$com_dim <- 2
  fit <- do.call(hddc, options)
  d <- as.vector(fit$d)
  a <- unclass(fit$a)
  if (length(a) == 1) a <- matrix(a[1], 3, max(d))
  if (length(a) == 3) a <- matrix(as.vector(a), 3, max(d))
  covariances <- lapply(1:3, function(k) {
    q <- matrix(fit$Q[[k]], p)
    b <- rep(as.vector(fit$b), length.out = 3)[k]
    q %*% diag(a[k, 1:d[k]] - b, d[k]) %*% t(q) + b * diag(p)
  })
  list(
    model = model, dimensions = d, weights = as.vector(fit$prop), means = unclass(fit$mu),
    covariances = covariances, log_likelihood = fit$loglik, n_parameters = fit$complexity,
    bic = fit$BIC, labels = as.vector(fit$class)
  )
}

# Spectra, and the numbers of axes that both rules take from them.
chosen <- lapply(list(
  c(9, 7, 4, 1.2, 1, 0.9, 0.8), c(5, 4.9, 4.8, 4.7, 1, 0.9), c(20, 1.1, 1, 0.9, 0.8),
  c(12, 11, 6, 5.5, 2, 1.8, 1.7, 1.6), sort(rexp(15), decreasing = TRUE)
), function(ev) {
  dim_of <- function(method, threshold = 0.2) {
    HDclassif:::hdclassif_dim_choice(ev, 100, method, threshold, FALSE, 1e-8)
  }
  list(
    values = ev, scree = dim_of("cattell"), low = dim_of("cattell", 0.05), bic = dim_of("bic")
  )
})

cat(toJSON(
  list(
    program = paste("HDclassif", packageVersion("HDclassif")), rows = x, labels = each - 1,
    spectra = chosen, fits = lapply(models, record)
  ),
  digits = I(17), auto_unbox = TRUE
), "\n")
