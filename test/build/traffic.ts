/** Real traffic that is rich in findings: connections that meet the TIME_WAITs of others, resets, refusals. */
import { fileURLToPath } from 'node:url';
import type { Namespace, Scope } from './netns.ts';

/** The server's address in netns.pair. */
const SERVER = '10.71.0.2';
/** The port at which the server closes first; at the next one it resets, and at the one after that nobody listens. */
const FIRST_PORT = 80;

/** dist/test/build/peer.js */
const PEER = fileURLToPath(new URL('peer.js', import.meta.url));

export async function serveChat(scope: Scope, server: Namespace): Promise<void> {
  await server.serve(scope, SERVER, FIRST_PORT, 'end');
  await server.serve(scope, SERVER, FIRST_PORT + 1, 'reset');
}

/** Makes some hundred connections a second until the returned function is called. */
export function chatter(scope: Scope, client: Namespace): () => void {
  const chat = client.spawn(process.execPath, [PEER, 'chat', SERVER, String(FIRST_PORT)]);
  const end = (): void => {
    chat.kill('SIGKILL');
  };
  scope.after(end);
  return end;
}
