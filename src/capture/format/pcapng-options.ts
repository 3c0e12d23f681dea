/** Options of pcapng blocks (draft-ietf-opsawg-pcapng §3.5): the codes of those used here. */
export const Option = { END: 0, IF_TSRESOL: 9, IF_TSOFFSET: 14, ISB_IFDROP: 5, ISB_OSDROP: 7 } as const;
const OPTION_HEADER = 4;

/** Visits each option, up to the end-of-options mark or the end of the block. Each step passes at least a header. */
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
