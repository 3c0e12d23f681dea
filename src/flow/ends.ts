/** The two ends of a connection as numbers, for what outlives its flow record. */
import type { Flow } from './flow.ts';
import { layout } from './layout.ts';

const { FlowBit } = layout;

export type End = 'client' | 'server';

export const otherEnd = (end: End): End => (end === 'client' ? 'server' : 'client');

/** `scope` says which family the host numbers are of; `pair` is valid while a flow of the host pair is remembered. */
export interface Ends {
  pair: number;
  scope: number;
  clientIsB: boolean;
  client: number;
  clientPort: number;
  server: number;
  serverPort: number;
}

export function endsOf(flow: Flow): Ends {
  const clientIsB = flow.has(FlowBit.CLIENT_IS_B);
  return {
    pair: flow.pair,
    scope: flow.scope,
    clientIsB,
    client: flow.host(clientIsB),
    clientPort: flow.port(clientIsB),
    server: flow.host(!clientIsB),
    serverPort: flow.port(!clientIsB),
  };
}

/** A socket that is connected to its own address and port, by a simultaneous open with itself: only one side sends. */
export const isSelf = (flow: Flow): boolean => flow.hostA === flow.hostB && flow.port(false) === flow.port(true);
