/**
 * One end of real connections, as a separate process. `serve ADDRESS PORT MODE`: after receiving a word it closes first
 * (`end`), closes first and discards the socket (`close`), resets (`reset`), or lets the client close (`wait`).
 * `connect ADDRESS PORT [FROM]`: connects, sends a word and waits. `twice ADDRESS PORT FROM`: does so twice, the second
 * time at once. `many ADDRESS PORT COUNT [FROM]`: does so COUNT times or until it fails, from ports chosen by the
 * kernel or from FROM on, with some time to close. `chat ADDRESS PORT`: does so endlessly, from a few fixed ports, to
 * PORT and the next two ports in turn.
 */
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Simultaneous connections of a `chat`, the number of ports that each uses in turn, and the pause between two. */
const CHATS = 4;
const CHAT_PORTS = 50;
const FIRST_PORT = 40_000;
const PAUSE_MS = 5;
const LATE_MS = 50;

const [role, host, port, last, first] = process.argv.slice(2) as [string, string, string, string?, string?];

if (role === 'serve') {
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('data', () => {
      if (last === 'end') socket.end('bye');
      else if (last === 'close') socket.end('bye', () => socket.destroy());
      else if (last === 'reset') socket.resetAndDestroy();
      else socket.write('bye');
    });
  });
  server.listen(Number(port), host, () => process.stdout.write('listening\n'));
} else if (role === 'twice') {
  const told = [await say(Number(port), Number(last)), await say(Number(port), Number(last))];
  process.stdout.write(`${told.join(' ')}\n`);
} else if (role === 'many') {
  let told = '';
  for (let turn = 0; turn < Number(last) && (told === '' || told === 'closed'); turn++) {
    told = await say(Number(port), first === undefined ? undefined : Number(first) + turn, LATE_MS);
  }
  process.stdout.write(`${told}\n`);
} else if (role === 'chat') {
  void Promise.all(Array.from({ length: CHATS }, (_, chat) => talk(chat)));
} else {
  // Late, so that the FIN of a server that closes first has arrived: if they crossed, both ends would be in TIME_WAIT.
  process.stdout.write(`${await say(Number(port), last === undefined ? undefined : Number(last), LATE_MS)}\n`);
}

async function talk(chat: number): Promise<void> {
  for (let turn = 0; ; turn++) {
    await say(Number(port) + (turn % 3), FIRST_PORT + chat * CHAT_PORTS + (turn % CHAT_PORTS));
    await sleep(PAUSE_MS);
  }
}

/** Connects and sends a word; resolves to the outcome. `late`: milliseconds until it closes its end. */
function say(to: number, localPort?: number, late = 0): Promise<string> {
  return new Promise(resolve => {
    const socket = connect({
      host,
      port: to,
      allowHalfOpen: late > 0,
      ...(localPort === undefined ? {} : { localPort }),
    });
    let told = 'closed';
    socket.setTimeout(5_000, () => {
      told = 'timeout';
      socket.destroy();
    });
    socket.on('connect', () => socket.write('hello'));
    socket.on('data', () => (late > 0 ? setTimeout(() => socket.end(), late) : socket.end()));
    socket.on('error', error => {
      told = (error as NodeJS.ErrnoException).code ?? error.message;
    });
    socket.on('close', () => resolve(told));
  });
}
