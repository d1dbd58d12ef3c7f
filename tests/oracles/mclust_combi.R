# The values in mclust_combi.json: Rscript mclust_combi.R > mclust_combi.json
# Needs the R packages mclust and jsonlite. For examples of Baudry et al. (2010), which come with
# mclust: rows, the mixture that Mclust finds, and how clustCombi joins its components.

suppressMessages(library(mclust))
library(jsonlite)

data(Baudry_etal_2010_JCGS_examples, package = "mclust")
examples <- list(ex4.1 = ex4.1, ex4.2 = ex4.2, ex4.4.1 = ex4.4.1)
records <- lapply(names(examples), function(name) {
  x <- unname(as.matrix(examples[[name]]))
  tight <- emControl(tol = c(1e-13, 1e-13), itmax = c(100000, 100000))
  fit <- Mclust(x, control = tight, verbose = FALSE)
  found <- clustCombi(fit)
  k <- fit$G
  z <- fit$z
  entropies <- rep(NA, k)
  groups <- matrix(NA, k, k)
  for (g in k:1) {
    if (g < k) z <- t(found$combiM[[g]] %*% t(z))
    entropies[g] <- -sum(ifelse(z > 0, z * log(z), 0))
    m <- diag(k)
    if (g < k) for (h in (k - 1):g) m <- found$combiM[[h]] %*% m
    groups[g, ] <- apply(m, 2, which.max)
  }
  list(
    data = name, rows = x, weights = fit$parameters$pro, means = t(fit$parameters$mean),
    covariances = aperm(fit$parameters$variance$sigma, c(3, 1, 2)),
    entropies = entropies, groups = groups,
    n_clusters = clustCombiOptim(found, reg = 2, plot = FALSE)$numClusters.combi
  )
})
cat(toJSON(
  list(program = paste("mclust", packageVersion("mclust")), examples = records),
  digits = I(17), auto_unbox = TRUE
), "\n")
