/**
 * One end of a real connection, a process of its own: `serve ADDRESS PORT MODE` closes first (`end`), resets (`reset`)
 * or lets the client close (`wait`) when it has heard a word; `connect ADDRESS PORT [FROM]` says one and waits.
 */
import { connect, createServer } from 'node:net';

const [role, host, port, last] = process.argv.slice(2) as [string, string, string, string?];

if (role === 'serve') {
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('data', () => {
      if (last === 'end') socket.end('bye');
      else if (last === 'reset') socket.resetAndDestroy();
      else socket.write('bye');
    });
  });
  server.listen(Number(port), host, () => process.stdout.write('listening\n'));
} else {
  const from = last === undefined ? {} : { localPort: Number(last) };
  const socket = connect({ host, port: Number(port), ...from });
  let told = 'closed';
  socket.setTimeout(5_000, () => {
    told = 'timeout';
    socket.destroy();
  });
  socket.on('connect', () => socket.write('hello'));
  socket.on('data', () => socket.end());
  socket.on('error', error => {
    told = (error as NodeJS.ErrnoException).code ?? error.message;
  });
  socket.on('close', () => process.stdout.write(`${told}\n`));
}
