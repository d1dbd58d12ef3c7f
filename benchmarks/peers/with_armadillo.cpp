// Armadillo's gmm_full and gmm_diag: called and answering like the workers in Python.

#include <armadillo>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

// The numbers of a .npy file of version 1, whose shape the caller knows.
template <typename T>
std::vector<T> numbers(const std::string& path, std::size_t count) {
  std::ifstream file(path, std::ios::binary);
  char head[10];
  file.read(head, 10);
  const std::size_t length = static_cast<std::uint8_t>(head[8]) + 256 * static_cast<std::uint8_t>(head[9]);
  file.ignore(length);
  std::vector<T> values(count);
  file.read(reinterpret_cast<char*>(values.data()), count * sizeof(T));
  if (!file) throw std::runtime_error("cannot read " + path);
  return values;
}

// Rows of a case are columns here, which is the same order in memory.
template <typename T>
arma::Mat<T> matrix(const std::string& path, arma::uword n_rows, arma::uword n_cols) {
  const std::vector<double> values = numbers<double>(path, n_rows * n_cols);
  return arma::conv_to<arma::Mat<T>>::from(arma::mat(values.data(), n_rows, n_cols));
}

template <typename T>
void set_start(arma::gmm_priv::gmm_full<T>& model, const arma::Mat<T>& means,
               const arma::Mat<T>& covariances, const arma::Row<T>& weights) {
  arma::Cube<T> cube(covariances.memptr(), means.n_rows, means.n_rows, means.n_cols);
  model.set_params(means, cube, weights);
}

template <typename T>
void set_start(arma::gmm_priv::gmm_diag<T>& model, const arma::Mat<T>& means,
               const arma::Mat<T>& covariances, const arma::Row<T>& weights) {
  arma::Mat<T> variances(arma::size(means));
  for (arma::uword k = 0; k < means.n_cols; ++k)
    for (arma::uword d = 0; d < means.n_rows; ++d)
      variances(d, k) = covariances(d * means.n_rows + d, k);
  model.set_params(means, variances, weights);
}

template <typename Model, typename T>
int take_turns(const std::string& folder, arma::uword n, arma::uword d, arma::uword k,
               const std::vector<int>& turns) {
  std::vector<T> values = numbers<T>(folder + "/rows.npy", n * d);
  const arma::Mat<T> rows(values.data(), d, n, false, true);
  const arma::Mat<T> means = matrix<T>(folder + "/means.npy", d, k);
  const arma::Mat<T> covariances = matrix<T>(folder + "/covariances.npy", d * d, k);
  const arma::Row<T> weights = matrix<T>(folder + "/weights.npy", 1, k);
  Model model;
  for (const int iterations : turns) {
    const auto began = std::chrono::steady_clock::now();
    model.reset(d, k);
    set_start(model, means, covariances, weights);
    if (!model.learn(rows, k, arma::eucl_dist, arma::keep_existing, 0, iterations, T(0), false))
      return 1;
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
    std::printf("{\"iterations\": %d, \"seconds\": %.9g}\n", iterations, seconds.count());
    std::fflush(stdout);
  }
  std::printf("{\"version\": \"%d.%d.%d\", \"means\": [", ARMA_VERSION_MAJOR, ARMA_VERSION_MINOR,
              ARMA_VERSION_PATCH);
  for (arma::uword g = 0; g < k; ++g) {
    std::printf(g ? ", [" : "[");
    for (arma::uword i = 0; i < d; ++i)
      std::printf(i ? ", %.17g" : "%.17g", static_cast<double>(model.means(i, g)));
    std::printf("]");
  }
  std::printf("]}\n");
  return 0;
}

int main(int count, char** arguments) {
  const std::string folder = arguments[1];
  const std::vector<std::string> words(arguments + 2, arguments + count);
  std::vector<int> turns;
  for (const auto& word : words) turns.push_back(std::stoi(word));
  arma::uword n, d, k;
  std::string family, type;
  std::ifstream(folder + "/case.txt") >> n >> d >> k >> family >> type;
  if (type == "float32")
    return family == "full" ? take_turns<arma::fgmm_full, float>(folder, n, d, k, turns)
                            : take_turns<arma::fgmm_diag, float>(folder, n, d, k, turns);
  return family == "full" ? take_turns<arma::gmm_full, double>(folder, n, d, k, turns)
                          : take_turns<arma::gmm_diag, double>(folder, n, d, k, turns);
}
