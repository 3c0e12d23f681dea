/** Finds the known words that a misspelt one may stand for. */

/** In words of at most this many letters only one letter may differ: with two it is another word. */
const SHORT = 4;

/** The known words that contain `typed`; if there are none, those a few letters away from it, the nearest first. */
export function similarWords(typed: string, known: readonly string[]): string[] {
  const word = typed.toLowerCase();
  const contained = word.length >= 3 ? known.filter(each => each.includes(word)) : [];
  if (contained.length > 0) return contained;
  const limit = word.length <= SHORT ? 1 : Math.max(2, Math.floor(word.length / 3));
  return known
    .map(each => ({ each, distance: editDistance(word, each) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .map(({ each }) => each);
}

/** `did you mean a or b?`; undefined when no known word is near enough. */
export function didYouMean(typed: string, known: readonly string[]): string | undefined {
  const near = similarWords(typed, known);
  const containing = near.filter(each => each.includes(typed.toLowerCase())).slice(0, MAX_GUESSES);
  const meant = containing.length > 0 ? containing : near.slice(0, 1);
  return meant.length === 0 ? undefined : `did you mean ${meant.join(' or ')}?`;
}

const MAX_GUESSES = 3;

/** Levenshtein distance: the number of letters to add, drop or change. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}
