/** Shares `room` among causes: a small cause keeps all of its findings, large ones share the rest evenly. */
export function quotas(counts: readonly number[], room: number): number[] {
  const given = counts.map(() => 0);
  const order = counts.map((_, i) => i).sort((a, b) => counts[a] - counts[b] || a - b);
  let left = room;
  for (const [served, i] of order.entries()) {
    given[i] = Math.min(counts[i], Math.floor(left / (order.length - served)));
    left -= given[i];
  }
  return given;
}
