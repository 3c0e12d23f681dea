/** The tables of the detectors of which something may be forgotten for lack of memory, counted as `evicted.<table>`. */
export type EvictedTable =
  | 'attempts'
  | 'clocks'
  | 'full-tables'
  | 'idle-timers'
  | 'port-use'
  | 'recycle'
  | 'settings'
  | 'suspicions';
