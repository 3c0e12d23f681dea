/** Where a finding stands: the capture and the frame of the packet that raised it. */
import type { CaptureRow, FindingRow } from '../store/rows.ts';
import { raisedBy } from './explain/eras.ts';

export interface FindingLocation {
  /** The name under which the capture was given. */
  source: string;
  frame: number;
  captureId: number;
}

/** A finding without packets has none; captures that are not known are left out likewise. */
export function locator(captures: readonly CaptureRow[]): (finding: FindingRow) => FindingLocation | undefined {
  const sources = new Map(captures.map(({ id, source }) => [id, source]));
  return finding => {
    const raised = raisedBy(finding);
    const source = raised && sources.get(raised.capture_id);
    return source === undefined ? undefined : { source, frame: raised!.frame, captureId: raised!.capture_id };
  };
}
