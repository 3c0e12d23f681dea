/** Where a finding is: capture and frame of the packet that raised it. */
import type { CaptureRow, FindingRow } from '../../store/rows.ts';
import { raisedBy } from '../explain/eras.ts';

export interface FindingLocation {
  /** The name of the capture as given. */
  source: string;
  frame: number;
  captureId: number;
}

/** Returns a function that locates findings; undefined for a finding without packets or of an unknown capture. */
export function locator(captures: readonly CaptureRow[]): (finding: FindingRow) => FindingLocation | undefined {
  const sources = new Map(captures.map(({ id, source }) => [id, source]));
  return finding => {
    const raised = raisedBy(finding);
    const source = raised && sources.get(raised.capture_id);
    return source === undefined ? undefined : { source, frame: raised!.frame, captureId: raised!.capture_id };
  };
}
