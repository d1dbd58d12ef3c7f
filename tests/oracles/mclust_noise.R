# The values in mclust_noise.json: Rscript mclust_noise.R > mclust_noise.json
# Needs the R packages mclust and jsonlite. Data are drawn here and recorded, or come with R.

suppressMessages(library(mclust))
library(jsonlite)

set.seed(4)
flat <- function(n, low, high) sapply(seq_along(low), function(j) runif(n, low[j], high[j]))
upright <- round(rbind(
  sweep(matrix(rnorm(80 * 2), 80) %*% matrix(c(1, 0.6, 0, 0.8), 2), 2, c(0, 0), "+"),
  sweep(matrix(rnorm(60 * 2), 60) * 0.5, 2, c(4, 4), "+"),
  flat(30, c(-8, -8), c(10, 10))
), 3)
# Along a diagonal: here the box of principal components is the smaller one.
turned <- flat(40, c(-12, -2, -2), c(12, 2, 2))
turn <- qr.Q(qr(matrix(c(1, 1, 1, 1, -1, 0, 1, 0, -1), 3)))
diagonal <- round(rbind(
  matrix(rnorm(90 * 3), 90) * 0.4,
  sweep(matrix(rnorm(70 * 3), 70) * 0.3, 2, c(2, 2, 2), "+"),
  turned %*% t(turn)
), 3)

tables <- list(
  upright = upright, diagonal = diagonal, faithful = as.matrix(faithful),
  line = matrix(upright[, 1], ncol = 1)
)
noisy <- list(
  upright = 141:170, diagonal = 161:200,
  faithful = which(abs(scale(faithful)[, 1] + scale(faithful)[, 2]) < 0.6),
  line = which(abs(upright[, 1] - 1) > 5)
)
fits <- list(
  c("upright", "VVV", 2), c("upright", "EEE", 2), c("upright", "VVI", 2), c("upright", "VII", 2),
  c("diagonal", "VVV", 2), c("diagonal", "EEE", 2), c("diagonal", "VII", 2),
  c("faithful", "EEE", 2), c("faithful", "VVV", 2),
  c("line", "V", 2), c("line", "E", 2)
)

tight <- emControl(tol = c(1e-13, 1e-13), itmax = c(100000, 100000))

# Full precision; matrices by row, covariances component first. Noise is the last column of z.
record <- function(name, model, k) {
  x <- tables[[name]]
  fit <- Mclust(
    x, G = k, modelNames = model, control = tight, verbose = FALSE,
    initialization = list(noise = noisy[[name]])
  )
  variance <- fit$parameters$variance
  values <- switch(model,
    E = variance$sigmasq, V = variance$sigmasq, VII = variance$sigmasq,
    EEE = variance$Sigma,
    VVI = t(apply(variance$sigma, 3, diag)),
    VVV = aperm(variance$sigma, c(3, 1, 2))
  )
  means <- fit$parameters$mean
  list(
    data = name, model = model, n_components = k, n_rows = fit$n,
    noise = noisy[[name]] - 1, volume = fit$hypvol, inverse_volume = fit$parameters$Vinv,
    log_likelihood = fit$loglik, n_parameters = fit$df, bic = fit$bic, icl = icl(fit),
    weights = fit$parameters$pro,
    means = if (is.matrix(means)) t(means) else matrix(means, ncol = 1),
    covariances = values, z = unname(fit$z), labels = unname(fit$classification)
  )
}

cat(toJSON(
  list(
    program = paste("mclust", packageVersion("mclust")),
    tables = tables[c("upright", "diagonal", "line")],
    volumes = lapply(tables, hypvol),
    fits = lapply(fits, function(f) record(f[1], f[2], as.integer(f[3])))
  ),
  digits = I(17), auto_unbox = TRUE
), "\n")
