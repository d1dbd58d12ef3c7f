# The values in mclust_bootstrap.json: Rscript mclust_bootstrap.R > mclust_bootstrap.json
# Needs the R packages mclust and jsonlite. `simulated` is drawn here and recorded.

suppressMessages(library(mclust))
library(jsonlite)

set.seed(21)
simulated <- round(rbind(
  matrix(rnorm(90 * 2), 90) %*% matrix(c(1.5, 0.7, 0, 0.8), 2),
  sweep(matrix(rnorm(60 * 2), 60), 2, c(4, -3), "+"),
  sweep(matrix(rnorm(50 * 2), 50) * 1.4, 2, c(-4, 5), "+")
), 3)
tables <- list(simulated = simulated, faithful = as.matrix(faithful))
fits <- list(
  c("simulated", "VVV", 3), c("simulated", "VVI", 3), c("simulated", "EEE", 3),
  c("simulated", "VII", 3), c("faithful", "VVV", 2)
)
tight <- emControl(tol = c(1e-12, 1e-12), itmax = c(10000, 10000))
n_boot <- 1999

record <- function(name, model, k, type) {
  x <- tables[[name]]
  fit <- Mclust(x, G = k, modelNames = model, control = tight, verbose = FALSE)
  boot <- MclustBootstrap(fit, nboot = n_boot, type = type, verbose = FALSE)
  errors <- summary(boot, what = "se")
  ends <- summary(boot, what = "ci", conf.level = 0.9)
  list(
    data = name, model = model, n_components = k, type = type, n_boot = n_boot,
    labels = unname(fit$classification) - 1,
    weights = fit$parameters$pro, means = t(fit$parameters$mean),
    covariances = aperm(fit$parameters$variance$sigma, c(3, 1, 2)),
    weights_se = unname(errors$pro), means_se = t(unname(errors$mean)),
    covariances_se = aperm(unname(errors$variance), c(3, 1, 2)),
    weights_ci = unname(ends$pro), means_ci = aperm(unname(ends$mean), c(3, 2, 1))
  )
}

set.seed(22)
records <- list()
for (f in fits) {
  for (type in c("bs", "wlbs", "pb")) {
    records[[length(records) + 1]] <- record(f[1], f[2], as.integer(f[3]), type)
  }
}
cat(toJSON(
  list(program = paste("mclust", packageVersion("mclust")), simulated = simulated, fits = records),
  digits = 8, auto_unbox = TRUE
), "\n")
