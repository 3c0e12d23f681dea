/** Options of pcapng blocks (draft-ietf-opsawg-pcapng §3.5), and the codes of those that matter here. */
export const Option = { END: 0, IF_TSRESOL: 9, IF_TSOFFSET: 14, ISB_IFDROP: 5, ISB_OSDROP: 7 } as const;
const OPTION_HEADER = 4;

/** They end with their end mark or with the block; each one moves at least its header ahead. */
export function eachOption(
  view: DataView,
  from: number,
  end: number,
  little: boolean,
  visit: (code: number, value: number, size: number) => void,
): void {
  let at = from;
  while (at + OPTION_HEADER <= end) {
    const code = view.getUint16(at, little);
    const size = view.getUint16(at + 2, little);
    const value = at + OPTION_HEADER;
    if (code === Option.END || value + size > end) return;
    visit(code, value, size);
    at = value + ((size + 3) & ~3);
  }
}
