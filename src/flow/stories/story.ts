/** What all stories (open-stories.ts) have in common. */
import type { Nanos } from '../../base/time.ts';
import type { InterimTellings } from './interim-tellings.ts';

/** In the order in which the stories of a flow are closed when the flow ends. */
export const STORY_KINDS = ['aftermath', 'attempt', 'stall', 'unheard', 'paws', 'unackedOfA', 'unackedOfB'] as const;
export type StoryKind = (typeof STORY_KINDS)[number];

export interface Story {
  readonly kind: StoryKind;
  /** The number of the flow's stories (open-stories.ts). */
  number: number;
  /** Undefined when it is closed. */
  place: StoryPlace | undefined;
  /** When the story began. Findings before that need not wait for it. */
  readonly since: Nanos;
  due: Nanos;
  /**
   * Reports the story as it stands at `at`. Called at its end, when it has no place any more; live also before
   * (interim-tellings.ts).
   */
  tell(at: Nanos): void;
  /** When last reported it asked to be reported once more, at its new `due`. It no longer belongs to its flow. */
  readonly waits?: boolean;
  /** It has been reported, and nothing has come since that would change the report. */
  readonly stands?: boolean;
}

/** The story is closed, so what is reported of it now is final. */
export const isOver = ({ place }: Story): boolean => place === undefined;

/** A story's place in the queues of open-stories.ts. It may be kept much longer than the story, and then is empty. */
export interface StoryPlace {
  readonly since: Nanos;
  story: Story | undefined;
  /** Undefined if stories are only reported at their end. */
  readonly looks: InterimTellings | undefined;
  awaitsLook: boolean;
}
