/* Work for a compiler: functions of the usual kinds, with the C library's headers. */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *left, *right;
    char *key;
    long value;
};

static struct node *node_find(struct node *node, const char *key)
{
    while (node) {
        int order = strcmp(key, node->key);
        if (!order)
            return node;
        node = order < 0 ? node->left : node->right;
    }
    return NULL;
}

static struct node *node_insert(struct node *node, const char *key, long value)
{
    if (!node) {
        node = calloc(1, sizeof(*node));
        if (!node || !(node->key = strdup(key)))
            abort();
        node->value = value;
        return node;
    }
    int order = strcmp(key, node->key);
    if (order < 0)
        node->left = node_insert(node->left, key, value);
    else if (order > 0)
        node->right = node_insert(node->right, key, value);
    else
        node->value = value;
    return node;
}

enum token { END, NUMBER, NAME, PLUS, MINUS, TIMES, OVER, OPEN, CLOSE, SET };

struct parser {
    const char *at;
    enum token token;
    long number;
    char name[32];
    struct node *variables;
};

static void token_next(struct parser *parser)
{
    static const char signs[] = "+-*/()=";
    while (isspace((unsigned char)*parser->at))
        parser->at++;
    const char *sign = *parser->at ? strchr(signs, *parser->at) : NULL;
    if (!*parser->at) {
        parser->token = END;
    } else if (sign) {
        parser->token = PLUS + (enum token)(sign - signs);
        parser->at++;
    } else if (isdigit((unsigned char)*parser->at)) {
        char *end;
        parser->number = strtol(parser->at, &end, 10);
        parser->at = end;
        parser->token = NUMBER;
    } else {
        size_t length = 0;
        while (isalnum((unsigned char)*parser->at) && length + 1 < sizeof(parser->name))
            parser->name[length++] = *parser->at++;
        parser->name[length] = '\0';
        parser->token = NAME;
    }
}

static long sum_parse(struct parser *parser);

static long value_parse(struct parser *parser)
{
    long value = 0;
    switch (parser->token) {
    case NUMBER: value = parser->number; break;
    case NAME: {
        struct node *node = node_find(parser->variables, parser->name);
        value = node ? node->value : 0;
        break;
    }
    case MINUS: token_next(parser); return -value_parse(parser);
    case OPEN:
        token_next(parser);
        value = sum_parse(parser);
        break;
    default: return 0;
    }
    token_next(parser);
    return value;
}

static long product_parse(struct parser *parser)
{
    long value = value_parse(parser);
    while (parser->token == TIMES || parser->token == OVER) {
        bool times = parser->token == TIMES;
        token_next(parser);
        long other = value_parse(parser);
        value = times ? value * other : other ? value / other : 0;
    }
    return value;
}

static long sum_parse(struct parser *parser)
{
    long value = product_parse(parser);
    while (parser->token == PLUS || parser->token == MINUS) {
        bool plus = parser->token == PLUS;
        token_next(parser);
        long other = product_parse(parser);
        value += plus ? other : -other;
    }
    return value;
}

static uint64_t mix(uint64_t hash, const char *text)
{
    for (; *text; text++) {
        hash ^= (unsigned char)*text;
        hash *= 1099511628211u;
        hash = hash << 13 | hash >> 51;
    }
    return hash;
}

static void matrix_multiply(double *out, const double *left, const double *right, int size)
{
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++) {
            double sum = 0;
            for (int k = 0; k < size; k++)
                sum += left[i * size + k] * right[k * size + j];
            out[i * size + j] = sum;
        }
}

int main(void)
{
    struct parser parser = {0};
    char line[256];
    uint64_t hash = 14695981039346656037u;
    while (fgets(line, sizeof(line), stdin)) {
        parser.at = line;
        token_next(&parser);
        long value = sum_parse(&parser);
        parser.variables = node_insert(parser.variables, line, value);
        hash = mix(hash, line);
        printf("%ld %llx\n", value, (unsigned long long)hash);
    }
    double one[64], two[64], three[64];
    for (int i = 0; i < 64; i++)
        one[i] = two[i] = i;
    matrix_multiply(three, one, two, 8);
    printf("%g\n", three[5]);
    return 0;
}
