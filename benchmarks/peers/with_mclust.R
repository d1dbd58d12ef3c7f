# mclust's em(): called and answering like the workers in Python.
# It does an E-step of the start, then T times an M-step and an E-step: the means of T iterations.

suppressPackageStartupMessages(library(mclust))

words <- commandArgs(trailingOnly = TRUE)
folder <- words[1]
turns <- as.integer(words[-1])
about <- strsplit(readLines(file.path(folder, "case.txt"), warn = FALSE)[1], " ")[[1]]
n <- as.integer(about[1]); d <- as.integer(about[2]); k <- as.integer(about[3])
family <- about[4]

# The numbers of a .npy file of version 1, whose shape we know.
numbers <- function(name, count) {
  file <- file(file.path(folder, paste0(name, ".npy")), "rb")
  on.exit(close(file))
  head <- as.integer(readBin(file, "raw", 10))
  readBin(file, "raw", head[9] + 256L * head[10])
  readBin(file, "double", count)
}

rows <- numbers("columns", n * d)
dim(rows) <- c(n, d)
covariances <- array(numbers("covariances", d * d * k), c(d, d, k))
variances <- matrix(apply(covariances, 3, diag), d, k)
model <- c(full = "VVV", diag = "VVI", spherical = "VII", tied = "EEE")[[family]]
variance <- list(modelName = model, d = d, G = k)
if (family == "full") variance$sigma <- covariances
if (family == "full") variance$cholsigma <- array(apply(covariances, 3, chol), c(d, d, k))
if (family == "tied") variance$Sigma <- covariances[, , 1]
if (family == "tied") variance$cholSigma <- chol(covariances[, , 1])
if (family == "spherical") variance$sigmasq <- variances[1, ]
if (family == "diag") variance$scale <- exp(colMeans(log(variances)))
if (family == "diag") variance$shape <- sweep(variances, 2, variance$scale, "/")
start <- list(
  pro = numbers("weights", k), mean = matrix(numbers("means", d * k), d, k), variance = variance
)

for (iterations in turns) {
  control <- emControl(tol = c(0, 0), itmax = c(iterations, iterations))
  began <- as.numeric(Sys.time())
  found <- em(rows, model, start, control = control, warn = FALSE)
  seconds <- as.numeric(Sys.time()) - began
  cat(sprintf("{\"iterations\": %d, \"seconds\": %.9f}\n", iterations, seconds))
}
means <- t(found$parameters$mean)
lines <- apply(means, 1, function(mean) paste(sprintf("%.17g", mean), collapse = ", "))
version <- as.character(packageVersion("mclust"))
cat(sprintf(
  "{\"version\": \"%s\", \"means\": [%s]}\n", version, paste0("[", lines, "]", collapse = ", ")
))
