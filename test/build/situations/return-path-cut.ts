/** Captures at the server while nothing that it sends reaches the client any more. */
import { type Conversation, exchange } from '../conversation.ts';

/** A request is answered, and both are sent again: the response `ahead` seconds before the request each time. */
export function returnPathCut(ahead: number, tries = 5): Conversation {
  const c = exchange().wait(1).send('client', 'PA', { payload: 100 });
  c.send('server', 'PA', { payload: 300, lost: true });
  for (let i = 0; i < tries; i++) {
    c.wait(0.2 * 2 ** i).send('server', 'PA', { payload: 300, seq: c.server.nxt - 300, lost: true });
    c.now = c.last.t + ahead;
    c.send('client', 'PA', { payload: 100, seq: c.client.nxt - 100 }).ack('server', { lost: true });
  }
  return c;
}

/** The client has given up, and the next response again meets no socket. */
export function givenUp(c: Conversation): Conversation {
  c.wait(3).send('server', 'PA', { payload: 300, seq: c.server.nxt - 300, lost: true });
  return c.bareRst('client', { seq: c.client.nxt });
}

/**
 * Keep-alive probes of the client are answered, and it hears nothing of that: it gives up. `beyond`: the server has sent so
 * many bytes before the answers that did not arrive.
 */
export function unheardProbes({ heard = false, beyond = 0 } = {}): Conversation {
  const c = exchange().wait(60);
  for (let i = 0; i < 3; i++)
    c.send('client', 'A', { seq: c.client.nxt - 1 })
      .ack('server', { lost: !heard, seq: c.server.nxt + beyond })
      .wait(10);
  return c.rstFrom('client');
}
