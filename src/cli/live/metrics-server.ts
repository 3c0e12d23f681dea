/**
 * The HTTP server of `live --metrics`: two pages, made when they are requested. Clients that are slow or send too much
 * are cut off, and no connection keeps the process from ending.
 */
import type { Server, ServerResponse } from 'node:http';
import { type AddressInfo, BlockList } from 'node:net';
import { EXPOSITION_TYPE } from '../../report/exposition.ts';
import { printable } from '../../report/printable.ts';
import { UsageError } from '../exit.ts';
import type { ListenAddress } from '../values.ts';

export interface Pages {
  /** The metrics in the Prometheus exposition format. */
  metrics(): string;
  /** Why the run is not healthy, one sentence for each reason. */
  troubles(): readonly string[];
}

export interface MetricsServer {
  /** `http://127.0.0.1:9477` */
  url: string;
  /** Other machines can reach the server. */
  exposed: boolean;
  close(): void;
}

/** Time limit for receiving a complete request. */
const REQUEST_MS = 5_000;
/** How often that limit is checked. */
const CHECK_MS = 1_000;
/** A connection without traffic for this long is closed. */
const IDLE_MS = 10_000;
const MAX_HEADER_BYTES = 8 << 10;
const MAX_CONNECTIONS = 64;
const METHODS = ['GET', 'HEAD'];
const PLAIN = 'text/plain; charset=utf-8';

/** Throws a UsageError if it cannot listen there. */
export async function serveMetrics({ host, port }: ListenAddress, pages: Pages): Promise<MetricsServer> {
  // Imported here because static imports of the joined file (join.js) are loaded whenever the command starts.
  const { createServer } = await import('node:http');
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: REQUEST_MS,
    requestTimeout: REQUEST_MS,
    connectionsCheckingInterval: CHECK_MS,
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(IDLE_MS);
  server.on('connection', socket => socket.unref());
  server.on('request', ({ method = '', url = '' }, response) => answer(method, url, response, pages));
  const address = await listen(server, host, port);
  server.unref();
  return {
    url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    exposed: !isLoopback(address),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function answer(method: string, url: string, response: ServerResponse, pages: Pages): void {
  const [path = ''] = url.split('?');
  const make = PATHS.get(path);
  if (make === undefined) send(response, [404, `there are ${[...PATHS.keys()].join(' and ')}\n`]);
  else if (!METHODS.includes(method)) {
    response.setHeader('Allow', METHODS.join(', '));
    send(response, [405, `only ${METHODS.join(' and ')}\n`]);
  } else send(response, made(make, pages));
}

type Page = [status: number, text: string, type?: string];

const metricsPage = (pages: Pages): Page => [200, pages.metrics(), EXPOSITION_TYPE];

function healthPage(pages: Pages): Page {
  const troubles = pages.troubles();
  return troubles.length === 0 ? [200, 'ok\n'] : [503, `${troubles.map(printable).join('\n')}\n`];
}

const PATHS: ReadonlyMap<string, (pages: Pages) => Page> = new Map([
  ['/metrics', metricsPage],
  ['/healthz', healthPage],
]);

/** A fault while making a page becomes a 500 and does not end the run. */
function made(make: (pages: Pages) => Page, pages: Pages): Page {
  try {
    return make(pages);
  } catch (error) {
    return [500, `a fault of pawscope itself, please report it: ${printable((error as Error).message)}\n`];
  }
}

/** Node drops the body of an answer to HEAD. */
function send(response: ServerResponse, [status, text, type = PLAIN]: Page): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  });
  response.end(text);
}

const PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use; name another one',
  EADDRNOTAVAIL: 'it is not an address of this machine',
  EACCES: 'ports below 1024 are only for root; name another one',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'there is no such host',
};

function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', ({ code = '', message }: NodeJS.ErrnoException) =>
      reject(new UsageError(`--metrics: cannot listen on ${host}, port ${port}: ${PROBLEMS[code] ?? message}`)),
    );
    server.listen({ host, port }, () => {
      server.removeAllListeners('error');
      // Later errors, such as a failing accept(2) without free descriptors, concern the clients, not the capture.
      server.on('error', () => {});
      resolve(server.address() as AddressInfo);
    });
  });
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8);
LOOPBACK.addAddress('::1', 'ipv6');

const isLoopback = ({ address, family }: AddressInfo): boolean =>
  LOOPBACK.check(address, family === 'IPv6' ? 'ipv6' : 'ipv4');
