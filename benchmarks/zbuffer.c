/* A plain z-buffer, one thread: what a careful C program without special tricks costs. */
#include <math.h>
#include <string.h>

static float lit(const float *light, const float *n, int channel) {
    float x = n[0], y = n[1], z = n[2];
    float basis[9] = {0.28209479f, 0.48860251f * y, 0.48860251f * z, 0.48860251f * x, 1.09254843f * x * y,
                      1.09254843f * y * z, 0.31539157f * (3 * z * z - 1), 1.09254843f * x * z,
                      0.54627422f * (x * x - y * y)};
    float sum = 0;
    for (int k = 0; k < 9; k++) sum += basis[k] * light[3 * k + channel];
    return sum > 0 ? sum : 0;
}

/* vertices (V, 3), faces (F, 3), uv (U, 2), uv_faces (F, 3), line (V,), texture (H, W, 4), light (9, 3),
   camera: position (3,), focal; table: 4096 display values of linear light in [0, 1];
   work: (V, 11) and (size * size); out (size, size, 3) in [0, 1]. */
void draw(int V, const float *vertices, int F, const int *faces, const float *uv, const int *uv_faces,
          const float *line, int H, int W, const float *texture, const float *light, const float *camera,
          const float *table, const float *background, int size, float *work, float *depth, int *owner,
          float *out) {
    float *screen = work, *normal = work + 3 * V, *shade = work + 6 * V;
    float half = 0.5f * size;
    memset(normal, 0, 3 * V * sizeof(float));
    for (int v = 0; v < V; v++) {
        const float *p = vertices + 3 * v;
        float w = 1.0f / (camera[2] - p[2]);
        screen[3 * v] = half * (1 + camera[3] * (p[0] - camera[0]) * w);
        screen[3 * v + 1] = half * (1 - camera[3] * (p[1] - camera[1]) * w);
        screen[3 * v + 2] = w;
    }
    for (int f = 0; f < F; f++) {
        const float *a = vertices + 3 * faces[3 * f], *b = vertices + 3 * faces[3 * f + 1],
                    *c = vertices + 3 * faces[3 * f + 2];
        float d[3], e[3];
        for (int k = 0; k < 3; k++) d[k] = b[k] - a[k], e[k] = c[k] - a[k];
        float n[3] = {d[1] * e[2] - d[2] * e[1], d[2] * e[0] - d[0] * e[2], d[0] * e[1] - d[1] * e[0]};
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++) normal[3 * faces[3 * f + i] + k] += n[k];
    }
    for (int v = 0; v < V; v++) {
        float *n = normal + 3 * v, length = sqrtf(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
        if (length > 0)
            for (int k = 0; k < 3; k++) n[k] /= length;
        for (int k = 0; k < 3; k++) shade[4 * v + k] = lit(light, n, k);
        shade[4 * v + 3] = line[v];
    }
    memset(depth, 0, size * size * sizeof(float));
    for (int i = 0; i < size * size; i++) owner[i] = -1;
    for (int f = 0; f < F; f++) {
        const float *a = screen + 3 * faces[3 * f], *b = screen + 3 * faces[3 * f + 1],
                    *c = screen + 3 * faces[3 * f + 2];
        float area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
        if (area >= 0) continue;
        int left = (int)ceilf(fmaxf(fminf(a[0], fminf(b[0], c[0])) - 0.5f, 0));
        int right = (int)floorf(fminf(fmaxf(a[0], fmaxf(b[0], c[0])) - 0.5f, size - 1));
        int top = (int)ceilf(fmaxf(fminf(a[1], fminf(b[1], c[1])) - 0.5f, 0));
        int bottom = (int)floorf(fminf(fmaxf(a[1], fmaxf(b[1], c[1])) - 0.5f, size - 1));
        float inverse = 1 / area;
        for (int y = top; y <= bottom; y++)
            for (int x = left; x <= right; x++) {
                float px = x + 0.5f, py = y + 0.5f;
                float v = ((c[0] - px) * (a[1] - py) - (c[1] - py) * (a[0] - px)) * inverse;
                float w = ((a[0] - px) * (b[1] - py) - (a[1] - py) * (b[0] - px)) * inverse;
                float u = 1 - v - w;
                if (u < 0 || v < 0 || w < 0) continue;
                float near = u * a[2] + v * b[2] + w * c[2];
                if (near > depth[y * size + x]) depth[y * size + x] = near, owner[y * size + x] = f;
            }
    }
    for (int i = 0; i < size * size; i++) {
        int f = owner[i];
        if (f < 0) {
            for (int k = 0; k < 3; k++) out[3 * i + k] = background[k];
            continue;
        }
        float px = i % size + 0.5f, py = i / size + 0.5f, weight[3], total = 0;
        const float *s[3];
        for (int k = 0; k < 3; k++) s[k] = screen + 3 * faces[3 * f + k];
        for (int k = 0; k < 3; k++) {
            const float *b = s[(k + 1) % 3], *c = s[(k + 2) % 3];
            weight[k] = ((b[0] - px) * (c[1] - py) - (b[1] - py) * (c[0] - px)) * s[k][2];
            total += weight[k];
        }
        float at[6] = {0};
        for (int k = 0; k < 3; k++) {
            float w = weight[k] / total;
            const float *t = uv + 2 * uv_faces[3 * f + k], *h = shade + 4 * faces[3 * f + k];
            at[0] += w * t[0], at[1] += w * t[1];
            for (int j = 0; j < 4; j++) at[2 + j] += w * h[j];
        }
        float x = fminf(fmaxf(at[0] * W - 0.5f, 0), W - 1.0f), y = fminf(fmaxf((1 - at[1]) * H - 0.5f, 0), H - 1.0f);
        int x0 = x < W - 2 ? (int)x : W - 2, y0 = y < H - 2 ? (int)y : H - 2;
        float dx = x - x0, dy = y - y0, sample[4];
        const float *t = texture + 4 * (y0 * W + x0);
        for (int k = 0; k < 4; k++) {
            float upper = t[k] + dx * (t[4 + k] - t[k]);
            float lower = t[4 * W + k] + dx * (t[4 * W + 4 + k] - t[4 * W + k]);
            sample[k] = upper + dy * (lower - upper);
        }
        for (int k = 0; k < 3; k++) {
            float linear = sample[k] * at[2 + k] * (1 - sample[3] * at[5]);
            out[3 * i + k] = table[(int)(fminf(linear, 1) * 4095)];
        }
    }
}
