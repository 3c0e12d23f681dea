/** File names that contain the time in the conversions of strftime. */
const CONVERSION = /%(.)/g;
const KNOWN = 'YmdHMSsFTj%';

const two = (n: number): string => String(n).padStart(2, '0');

/** Whether a name contains a conversion of time, and only conversions that `timedName` supports. */
export function isTimedName(name: string): boolean {
  const letters = [...name.matchAll(CONVERSION)].map(([, letter]) => letter!);
  return letters.some(letter => letter !== '%') && letters.every(letter => KNOWN.includes(letter));
}

/** The name with its conversions replaced by the local time `s`, in seconds since the epoch. */
export function timedName(name: string, s: number): string {
  const at = new Date(s * 1e3);
  const day = Math.round(
    (Date.UTC(at.getFullYear(), at.getMonth(), at.getDate()) - Date.UTC(at.getFullYear(), 0)) / 864e5,
  );
  const parts: Readonly<Record<string, string>> = {
    Y: String(at.getFullYear()),
    m: two(at.getMonth() + 1),
    d: two(at.getDate()),
    H: two(at.getHours()),
    M: two(at.getMinutes()),
    S: two(at.getSeconds()),
    s: String(s),
    j: String(day + 1).padStart(3, '0'),
    '%': '%',
  };
  const whole = name.replaceAll('%F', '%Y-%m-%d').replaceAll('%T', '%H:%M:%S');
  return whole.replace(CONVERSION, (text, letter: string) => parts[letter] ?? text);
}
