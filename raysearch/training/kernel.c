/* Training and scoring of one small multilayer perceptron, all of it in the core's own cache.

   A network of a few thousand weights is too small for a library call per operation: between the
   products it would travel through memory and wait for the next call. Here a block of rows goes
   through all layers and back before the next one is touched, so that weights, activations and
   gradients stay in the L1 and L2 caches. Every network is computed alone, hence its result does
   not depend, to the last bit, on what is trained beside it.

   The arithmetic is that of raysearch/training/eager.py; tests hold one against the other. Built
   once per instruction set (setup in pyproject.toml); VECTOR below follows from it. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define VECTOR 16
#elif defined(__AVX__)
#define VECTOR 8
#else
#define VECTOR 4
#endif

/* A tile of the product: 6 rows x 2 vectors of accumulators fill the registers. */
#define TILE_ROWS 6
#define TILE_VECTORS 2
/* Rows that go through the network together: their activations of 64 units fit into L1. */
#define BLOCK_ROWS 64

typedef float vector __attribute__((vector_size(4 * VECTOR)));
typedef float loose_vector __attribute__((vector_size(4 * VECTOR), aligned(4), may_alias));
typedef int32_t lanes __attribute__((vector_size(4 * VECTOR)));

#define INLINE static inline __attribute__((always_inline))

INLINE vector load(const float *from) { return *(const loose_vector *)from; }
INLINE void store(float *to, vector value) { *(loose_vector *)to = value; }
INLINE vector where(lanes mask, vector value) { return (vector)(mask & (lanes)value); }

/* What a product starts from and what becomes of it. ReLU is asked as "not <= 0", so that a network
   that has diverged stays NaN and is found out. */
enum finish {
    ADD,     /* c += a b, the gradient of weights */
    RELU,    /* c = max(0, bias + a b), the forward pass */
    MASKED,  /* c = gain * a b where mask > 0, the backward pass through ReLU and dropout */
};

/* c(m, n) = sum over k of a(m, k) b(k, n); a(m, k) lies at a[m * a_row + k * a_step]. */
typedef struct {
    const float *a;
    int64_t a_row, a_step;
    const float *b;
    int64_t b_row;
    float *c;
    int64_t c_row;
    int64_t rows, columns, depth;
    const float *bias;
    const float *mask; /* laid out like c */
    float gain;
} product;

INLINE void tile(const product *p, enum finish finish, int64_t m, int64_t n, int rows, int vectors)
{
    vector sum[TILE_ROWS][TILE_VECTORS];
    const float *a = p->a + m * p->a_row, *b = p->b + n;
    float *c = p->c + m * p->c_row + n;
    const vector zero = {0};
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < vectors; j++)
            sum[i][j] = finish == ADD    ? load(c + i * p->c_row + j * VECTOR)
                        : finish == RELU ? load(p->bias + n + j * VECTOR)
                                         : zero;
    for (int64_t k = 0; k < p->depth; k++) {
        vector right[TILE_VECTORS];
#pragma GCC unroll 8
        for (int j = 0; j < vectors; j++) right[j] = load(b + k * p->b_row + j * VECTOR);
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) {
            float left = a[i * p->a_row + k * p->a_step];
#pragma GCC unroll 8
            for (int j = 0; j < vectors; j++) sum[i][j] += left * right[j];
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < vectors; j++) {
            int64_t at = i * p->c_row + j * VECTOR;
            vector value = sum[i][j];
            if (finish == RELU) value = where(~(value <= 0), value);
            if (finish == MASKED)
                value = where(~(load(p->mask + m * p->c_row + n + at) <= 0), value * p->gain);
            store(c + at, value);
        }
}

/* The columns that do not fill a vector, one by one. */
INLINE void edge(const product *p, enum finish finish, int64_t first)
{
    for (int64_t m = 0; m < p->rows; m++)
        for (int64_t n = first; n < p->columns; n++) {
            float *c = p->c + m * p->c_row + n;
            float sum = finish == ADD ? *c : finish == RELU ? p->bias[n] : 0;
            for (int64_t k = 0; k < p->depth; k++)
                sum += p->a[m * p->a_row + k * p->a_step] * p->b[k * p->b_row + n];
            if (finish == RELU) sum = sum <= 0 ? 0 : sum;
            if (finish == MASKED) sum = p->mask[m * p->c_row + n] <= 0 ? 0 : sum * p->gain;
            *c = sum;
        }
}

INLINE void strip(const product *p, enum finish finish, int64_t n, int vectors)
{
    int64_t m = 0;
    for (; m + TILE_ROWS <= p->rows; m += TILE_ROWS) tile(p, finish, m, n, TILE_ROWS, vectors);
    switch (p->rows - m) {
    case 5: tile(p, finish, m, n, 5, vectors); break;
    case 4: tile(p, finish, m, n, 4, vectors); break;
    case 3: tile(p, finish, m, n, 3, vectors); break;
    case 2: tile(p, finish, m, n, 2, vectors); break;
    case 1: tile(p, finish, m, n, 1, vectors); break;
    }
}

INLINE void multiply(const product *p, enum finish finish)
{
    int64_t n = 0;
    for (; n + TILE_VECTORS * VECTOR <= p->columns; n += TILE_VECTORS * VECTOR)
        strip(p, finish, n, TILE_VECTORS);
    if (n + VECTOR <= p->columns) {
        strip(p, finish, n, 1);
        n += VECTOR;
    }
    edge(p, finish, n);
}

static void multiply_add(const product *p) { multiply(p, ADD); }
static void multiply_relu(const product *p) { multiply(p, RELU); }
static void multiply_masked(const product *p) { multiply(p, MASKED); }

/* Mirrored by ctypes in raysearch/training/native.py, field by field. */
typedef struct {
    int64_t layers;         /* linear layers, the output layer included */
    const int64_t *widths;  /* (layers + 1), inputs first, 1 last */
    const int64_t *weights; /* (layers) where each weight matrix starts, (inputs, outputs) */
    const int64_t *biases;  /* (layers) */
    const float *centre;    /* (inputs) */
    const float *inverse;   /* (inputs) one over the width of the feature or bin */
    float *parameters;      /* flat */
    float *scratch;         /* scratch_size() floats */
    int64_t bins;           /* of each feature, which follow it among the inputs */
} network;

typedef struct {
    const float *features; /* (n, features) all rows as they are */
    const float *labels;   /* (n) 0 or 1 */
    const int64_t *order;  /* (rows) the member's rows, shuffled */
    int64_t rows, batch_size;
    int64_t first, last; /* steps of the epoch to run now */
    float template_weight, data_weight;
    int64_t size; /* parameters */
    float *mean, *square;
    const float *rates, *epsilons; /* one a step of the epoch */
    float gain, decay, square_decay;
    int32_t limit;          /* an activation whose 16 random bits exceed it is kept */
    float dropout_gain;     /* 1 / (1 - rate) */
    const int16_t *bits;    /* random bits from step `first` on; NULL without dropout */
    int64_t bits_of_a_step;
} training;

/* What the caller has to agree with before it passes one of them. */
int64_t struct_bytes(void) { return sizeof(network) + sizeof(training); }
static int64_t round_up(int64_t count) { return (count + 15) / 16 * 16; }

/* Of the hidden layers: nothing but the gather and the first product meets the inputs. */
static int64_t widest(const network *net)
{
    int64_t found = 0;
    for (int64_t l = 1; l < net->layers; l++)
        if (net->widths[l] > found) found = net->widths[l];
    return found;
}

/* Where the parts of the scratch memory start. */
typedef struct {
    float *inputs, *activations, *upper, *lower, *logits, *transposed, *gradients;
} buffers;

static buffers parts(const network *net, float *at)
{
    buffers found;
    int64_t wide = round_up(widest(net)), units = 0;
    for (int64_t l = 1; l < net->layers; l++) units += round_up(net->widths[l]);
    found.inputs = at;
    found.activations = found.inputs + BLOCK_ROWS * round_up(net->widths[0]);
    found.upper = found.activations + BLOCK_ROWS * units;
    found.lower = found.upper + BLOCK_ROWS * wide;
    found.logits = found.lower + BLOCK_ROWS * wide;
    found.transposed = found.logits + BLOCK_ROWS;
    found.gradients = found.transposed + wide * wide * net->layers;
    return found;
}

/* Floats of scratch memory that a network with `size` parameters needs. */
int64_t scratch_size(const network *net, int64_t size)
{
    return parts(net, (float *)0).gradients - (float *)0 + size;
}

/* Features in a row of the table. */
static int64_t features_of(const network *net) { return net->widths[0] / (1 + net->bins); }

/* The rows of a block, encoded; `order` NULL for consecutive ones. NaN stays NaN. */
static void gather(const network *net, const float *features, const int64_t *order, int64_t rows,
                   float *to)
{
    int64_t d = features_of(net), each = 1 + net->bins;
    for (int64_t r = 0; r < rows; r++, to += d * each) {
        const float *from = features + (order ? order[r] : r) * d;
        for (int64_t j = 0, i = 0; j < d; j++, i += each)
            to[i] = (from[j] - net->centre[i]) * net->inverse[i];
        if (each == 1) continue;
        for (int64_t j = 0, i = 1; j < d; j++, i += each)
            for (int64_t k = i; k < i + net->bins; k++) {
                float share = (from[j] - net->centre[k]) * net->inverse[k];
                share = share < 0 ? 0 : share;
                to[k] = share > 1 ? 1 : share;
            }
    }
}

static void drop(float *activations, int64_t count, const int16_t *bits, int32_t limit, float gain)
{
    for (int64_t i = 0; i < count; i++)
        activations[i] = bits[i] > limit ? activations[i] * gain : 0;
}

/* Activations of layer `l`, the inputs being layer 0. */
static float *activations(const network *net, const buffers *b, int64_t l)
{
    if (l == 0) return b->inputs;
    float *at = b->activations;
    for (int64_t i = 1; i < l; i++) at += BLOCK_ROWS * round_up(net->widths[i]);
    return at;
}

INLINE float dot(const float *a, const float *b, int64_t count)
{
    vector sums = {0};
    int64_t j = 0;
    for (; j + VECTOR <= count; j += VECTOR) sums += load(a + j) * load(b + j);
    float sum = 0;
    for (int i = 0; i < VECTOR; i++) sum += sums[i];
    for (; j < count; j++) sum += a[j] * b[j];
    return sum;
}

static void forward(const network *net, const buffers *b, int64_t rows, const training *t,
                    const int16_t *bits, int64_t batch_row)
{
    for (int64_t l = 0; l + 1 < net->layers; l++) {
        int64_t in = net->widths[l], out = net->widths[l + 1];
        product p = {
            .a = activations(net, b, l), .a_row = in, .a_step = 1,
            .b = net->parameters + net->weights[l], .b_row = out,
            .c = activations(net, b, l + 1), .c_row = out,
            .rows = rows, .columns = out, .depth = in,
            .bias = net->parameters + net->biases[l],
        };
        multiply_relu(&p);
        if (bits) {
            drop(p.c, rows * out, bits + batch_row * out, t->limit, t->dropout_gain);
            bits += t->batch_size * out;
        }
    }
    int64_t top = net->layers - 1, in = net->widths[top];
    const float *weight = net->parameters + net->weights[top];
    const float *below = activations(net, b, top);
    for (int64_t r = 0; r < rows; r++) {
        b->logits[r] = dot(below + r * in, weight, in) + net->parameters[net->biases[top]];
    }
}

static void transpose(const float *from, int64_t rows, int64_t columns, float *to)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) to[j * rows + i] = from[i * columns + j];
}

/* Adds the gradients of a block; the logits hold the derivative of the loss. */
static void backward(const network *net, const buffers *b, int64_t rows, float gain)
{
    int64_t top = net->layers - 1, in = net->widths[top], wide = round_up(widest(net));
    const float *weight = net->parameters + net->weights[top];
    const float *below = activations(net, b, top);
    float *gradient = b->gradients + net->weights[top];
    float *delta = b->upper, *next = b->lower;
    for (int64_t r = 0; r < rows; r++) {
        float error = b->logits[r];
        b->gradients[net->biases[top]] += error;
        for (int64_t j = 0; j < in; j++) {
            float activation = below[r * in + j];
            gradient[j] += error * activation;
            delta[r * in + j] = activation <= 0 ? 0 : error * weight[j] * gain;
        }
    }
    for (int64_t l = top - 1; l >= 0; l--) {
        int64_t out = net->widths[l + 1];
        in = net->widths[l];
        float *bias = b->gradients + net->biases[l];
        for (int64_t r = 0; r < rows; r++)
            for (int64_t j = 0; j < out; j++) bias[j] += delta[r * out + j];
        product of_weights = {
            .a = activations(net, b, l), .a_row = 1, .a_step = in,
            .b = delta, .b_row = out,
            .c = b->gradients + net->weights[l], .c_row = out,
            .rows = in, .columns = out, .depth = rows,
        };
        multiply_add(&of_weights);
        if (l == 0) break;
        product of_inputs = {
            .a = delta, .a_row = out, .a_step = 1,
            .b = b->transposed + l * wide * wide, .b_row = in,
            .c = next, .c_row = in,
            .rows = rows, .columns = in, .depth = out,
            .mask = activations(net, b, l), .gain = gain,
        };
        multiply_masked(&of_inputs);
        float *used = delta;
        delta = next;
        next = used;
    }
}

/* Derivative of the balanced cross entropy, averaged over the batch, with respect to the logits. */
static void to_errors(const training *t, const int64_t *order, int64_t rows, int64_t batch,
                      float *logits)
{
    for (int64_t r = 0; r < rows; r++) {
        float target = t->labels[order[r]];
        float weight = target > 0 ? t->data_weight : t->template_weight;
        logits[r] = (1 / (1 + expf(-logits[r])) - target) * (weight / (float)batch);
    }
}

/* One step of Adam; see raysearch/training/adam.py for the form of the bias corrections. */
static void adam(const training *t, float *restrict parameters, float *restrict gradients,
                 float rate, float epsilon)
{
    float *restrict mean = t->mean, *restrict square = t->square;
    const float gain = t->gain, decay = t->decay, keep = t->square_decay, add = 1 - keep;
    for (int64_t i = 0; i < t->size; i++) {
        float g = gradients[i] + decay * parameters[i];
        float m = mean[i] + gain * (g - mean[i]);
        float v = keep * square[i] + add * g * g;
        mean[i] = m;
        square[i] = v;
        parameters[i] -= rate * (m / (sqrtf(v) + epsilon));
    }
}

/* Steps first ... last - 1 of an epoch of one network. */
void train(const network *net, const training *t)
{
    buffers b = parts(net, net->scratch);
    int64_t wide = round_up(widest(net));
    float gain = t->bits ? t->dropout_gain : 1;
    for (int64_t step = t->first; step < t->last; step++) {
        int64_t start = step * t->batch_size, left = t->rows - start;
        int64_t batch = left < t->batch_size ? left : t->batch_size;
        const int16_t *bits = t->bits ? t->bits + (step - t->first) * t->bits_of_a_step : 0;
        memset(b.gradients, 0, (size_t)t->size * sizeof(float));
        for (int64_t l = 1; l + 1 < net->layers; l++)
            transpose(net->parameters + net->weights[l], net->widths[l], net->widths[l + 1],
                      b.transposed + l * wide * wide);
        for (int64_t row = 0; row < batch; row += BLOCK_ROWS) {
            int64_t rows = batch - row < BLOCK_ROWS ? batch - row : BLOCK_ROWS;
            const int64_t *order = t->order + start + row;
            gather(net, t->features, order, rows, b.inputs);
            forward(net, &b, rows, t, bits, row);
            to_errors(t, order, rows, batch, b.logits);
            backward(net, &b, rows, gain);
        }
        adam(t, net->parameters, b.gradients, t->rates[step], t->epsilons[step]);
    }
}

/* Logits of consecutive rows (n, features). */
void score(const network *net, const float *features, int64_t n, float *logits)
{
    buffers b = parts(net, net->scratch);
    for (int64_t row = 0; row < n; row += BLOCK_ROWS) {
        int64_t rows = n - row < BLOCK_ROWS ? n - row : BLOCK_ROWS;
        gather(net, features + row * features_of(net), 0, rows, b.inputs);
        forward(net, &b, rows, 0, 0, 0);
        memcpy(logits + row, b.logits, (size_t)rows * sizeof(float));
    }
}
