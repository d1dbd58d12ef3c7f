# The values in structures.json: Rscript structures.R > structures.json
# Needs the R packages mclust and jsonlite. Data come with R and with mclust, but for `simulated`,
# which is read from mclust.json, where mclust.R recorded it.

suppressMessages(library(mclust))
library(jsonlite)

data(diabetes, package = "mclust")
recorded <- fromJSON("mclust.json")
tables <- list(
  simulated = recorded$simulated,
  iris = as.matrix(iris[, 1:4]),
  faithful = as.matrix(faithful),
  diabetes = as.matrix(diabetes[, -1])
)

# Groups as one would guess them; each row then belongs to its own for the most part.
thirds <- function(x) as.integer(cut(rank(x, ties.method = "first"), 3))
groups <- list(
  list("simulated", rep(1:3, c(60, 40, 20)), 0.9),
  list("simulated", thirds(tables$simulated[, 2]), 0.6),
  list("iris", as.integer(iris$Species), 0.8),
  list("iris", 1 + (iris$Petal.Length > 2.5), 0.95),
  list("faithful", 1 + (faithful$eruptions > 3), 0.9),
  list("faithful", thirds(faithful$waiting), 0.7),
  list("diabetes", as.integer(diabetes$class), 0.8)
)

models <- c("EII", "VII", "EEI", "VEI", "EVI", "VVI",
            "EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV")

control <- emControl(tol = c(1e-14, 1e-14), itmax = c(20000, 20000))

mixture <- function(parameters) list(
  weights = parameters$pro,
  means = t(parameters$mean),
  covariances = aperm(parameters$variance$sigma, c(3, 1, 2))
)

record <- function(name, labels, share, model) {
  x <- tables[[name]]
  k <- max(labels)
  z <- share * unmap(labels) + (1 - share) / k
  one <- mstep(modelName = model, data = x, z = z, control = control)
  whole <- me(modelName = model, data = x, z = z, control = control)
  list(
    data = name, labels = labels - 1, share = share, model = model, n_components = k,
    m_step = mixture(one$parameters),
    em = c(mixture(whole$parameters), list(log_likelihood = whole$loglik, n_iter = attr(whole, "info")["iterations"]))
  )
}

counts <- do.call(rbind, lapply(models, function(model) {
  sizes <- expand.grid(d = c(1, 2, 3, 5, 8), k = c(1, 2, 4, 7))
  data.frame(model = model, n_features = sizes$d, n_components = sizes$k,
             n = mapply(function(d, k) nMclustParams(model, d, k), sizes$d, sizes$k))
}))

fits <- unlist(lapply(groups, function(g) {
  lapply(models, function(model) record(g[[1]], g[[2]], g[[3]], model))
}), recursive = FALSE)

cat(toJSON(
  list(program = paste("mclust", packageVersion("mclust")), counts = counts, fits = fits),
  digits = I(17), auto_unbox = TRUE
), "\n")
