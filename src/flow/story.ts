/** What all stories have (open-stories.ts). */
import type { Nanos } from '../base/time.ts';
import type { InterimTellings } from './interim-tellings.ts';

/** In the order in which they end with their flow. */
export const STORY_KINDS = ['aftermath', 'attempt', 'stall', 'unheard', 'paws', 'unacknowledged'] as const;
export type StoryKind = (typeof STORY_KINDS)[number];

export interface Story {
  readonly kind: StoryKind;
  /** That of the flow. */
  number: number;
  /** Undefined once it is closed. */
  place: StoryPlace | undefined;
  /** When the story began: findings before it may be stored. */
  readonly since: Nanos;
  due: Nanos;
  /** Tells it, as it stands at `at`: at its end, and live before (interim-tellings.ts), when it still has its place. */
  tell(at: Nanos): void;
  /** It has asked, as it was told for the last time, to be told once more at its new `due`; its flow has let go of it. */
  readonly waits?: boolean;
  /** It has been told, and nothing has come since that would change what it tells. */
  readonly stands?: boolean;
}

/** What is told of it now is the last word. */
export const isOver = ({ place }: Story): boolean => place === undefined;

/** A story's place in what is kept in order: empty once it is closed, since the place may be kept for much longer. */
export interface StoryPlace {
  readonly since: Nanos;
  story: Story | undefined;
  /** Undefined where stories are told at their end only. */
  readonly looks: InterimTellings | undefined;
  awaitsLook: boolean;
}
