# The values in fpc_demp.json: Rscript fpc_demp.R FOLDER > fpc_demp.json
# Needs the R packages fpc, mclust and jsonlite; FOLDER holds mclust_combi.json, whose mixtures these
# are. For each: which components mergenormals joins by directly estimated misclassification
# probabilities, down to one, at which values, and where it stops by itself.

suppressMessages({ library(fpc); library(mclust) })
library(jsonlite)

folder <- commandArgs(trailingOnly = TRUE)[1]
examples <- fromJSON(file.path(folder, "mclust_combi.json"))$examples
records <- lapply(seq_len(nrow(examples)), function(i) {
  x <- examples$rows[[i]]
  k <- length(examples$weights[[i]])
  sigma <- aperm(examples$covariances[[i]], c(2, 3, 1))
  logs <- sapply(1:k, function(j) {
    log(examples$weights[[i]][j]) +
      mvtnorm::dmvnorm(x, examples$means[[i]][j, ], sigma[, , j], log = TRUE)
  })
  z <- exp(logs - apply(logs, 1, max))
  z <- z / rowSums(z)
  joined <- function(...) {
    mergenormals(
      x, clustering = apply(z, 1, which.max), probs = colMeans(z), muarray = t(examples$means[[i]]),
      Sigmaarray = sigma, z = z, method = "demp", ...
    )
  }
  all <- joined(numberstop = 1)
  itself <- joined()
  list(
    data = examples$data[i], values = all$valuemerged, joined = all$defunct.components,
    groups = t(sapply(1:(k - 1), function(g) joined(numberstop = g)$mergedtonumbers)),
    by_itself = itself$mergedtonumbers
  )
})
cat(toJSON(
  list(program = paste("fpc", packageVersion("fpc")), examples = records),
  digits = I(17), auto_unbox = TRUE
), "\n")
