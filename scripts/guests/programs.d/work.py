"""Work for an interpreter: dictionaries, strings, regular expressions, numbers, JSON, classes."""
import collections
import json
import re


class Shape:
    """An object whose method is called."""

    def __init__(self, side):
        self.side = side

    def area(self):
        """What a method would return."""
        return self.side * self.side


def words_make(count):
    """Words of a fixed sequence."""
    state, words = 12345, []
    for _ in range(count):
        state = (state * 1103515245 + 12345) & 0x7fffffff
        words.append(f"w{state % 997:x}")
    return words


def main():
    """A bit of everything."""
    words = words_make(12000)
    common = collections.Counter(words).most_common(10)
    text = " ".join(words)
    found = len(re.findall(r"\bw[0-9a-f]*7\b", text))
    again = json.loads(json.dumps([{"word": word, "at": at} for at, word in enumerate(words)]))
    total = sum(Shape(entry["at"] % 17).area() for entry in again)
    primes = [n for n in range(2, 3000) if all(n % k for k in range(2, int(n ** 0.5) + 1))]
    print(common[0], found, total, len(primes), sorted(text.split())[100])


main()
