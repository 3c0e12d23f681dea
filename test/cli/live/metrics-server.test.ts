import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { type MetricsServer, type Pages, serveMetrics } from '../../../src/cli/live/metrics-server.ts';
import { listenAddress } from '../../../src/cli/values.ts';
import { folder } from '../../build/store-sample.ts';
import { pawscope } from '../run.ts';

const HEALTHY: Pages = { metrics: () => 'up 1\n', troubles: () => [] };

async function serving(t: TestContext, pages: Pages, host = '127.0.0.1'): Promise<MetricsServer> {
  const server = await serveMetrics({ host, port: 0 }, pages);
  t.after(() => server.close());
  return server;
}

const portOf = ({ url }: MetricsServer): number => Number(new URL(url).port);

async function told(url: string, method = 'GET'): Promise<[status: number, body: string]> {
  const response = await fetch(url, { method });
  return [response.status, await response.text()];
}

test('two paths, two methods', async t => {
  const { url } = await serving(t, HEALTHY);
  assert.deepEqual(await told(`${url}/metrics`), [200, 'up 1\n']);
  assert.deepEqual(await told(`${url}/metrics?name=x`), [200, 'up 1\n']);
  assert.deepEqual(await told(`${url}/healthz`), [200, 'ok\n']);
  assert.deepEqual(await told(`${url}/metrics`, 'HEAD'), [200, '']);
  for (const path of ['/', '/metrics/', '/healthz/x', '/constructor', '/__proto__']) {
    assert.deepEqual(await told(url + path), [404, 'there are /metrics and /healthz\n'], path);
  }
  const { status, headers } = await fetch(`${url}/healthz`, { method: 'POST', body: 'x' });
  assert.deepEqual([status, headers.get('allow')], [405, 'GET, HEAD']);
  const metrics = await fetch(`${url}/metrics`);
  assert.equal(metrics.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
});

test('health says why not, and a page that cannot be made ends nothing', async t => {
  const troubles = ['eth0 is lost', '5 packets dropped'];
  const { url } = await serving(t, {
    metrics: () => {
      throw new Error('no such thing');
    },
    troubles: () => troubles,
  });
  assert.deepEqual(await told(`${url}/healthz`), [503, 'eth0 is lost\n5 packets dropped\n']);
  troubles[0] = 'e\x1b[31m is lost';
  assert.deepEqual(await told(`${url}/healthz`), [503, 'e\\x1b[31m is lost\n5 packets dropped\n']);
  const [status, body] = await told(`${url}/metrics`);
  assert.equal(status, 500);
  assert.match(body, /no such thing/);
  troubles.length = 0;
  assert.deepEqual(await told(`${url}/healthz`), [200, 'ok\n']);
});

test('headers without end are refused, and a request without end is cut off', async t => {
  const server = await serving(t, HEALTHY);
  const long = connect(portOf(server), '127.0.0.1');
  long.on('error', () => {});
  long.write(`GET /metrics HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}`);
  assert.match(await text(long), /^HTTP\/1\.1 431 /);
  const slow = connect(portOf(server), '127.0.0.1');
  slow.write('GET /metrics HTTP/1.1\r\nHost: x\r\n');
  assert.match(await text(slow), /^HTTP\/1\.1 408 /);
});

test('neither the server nor who is connected to it keeps a process from ending', () => {
  const script = `
    const { serveMetrics } = await import(${JSON.stringify(new URL('../../../src/cli/live/metrics-server.js', import.meta.url))});
    const { connect } = await import('node:net');
    const { url } = await serveMetrics({ host: '127.0.0.1', port: 0 }, { metrics: () => '', troubles: () => [] });
    const socket = connect(new URL(url).port, '127.0.0.1', () => setTimeout(() => socket.unref(), 100));`;
  const { status, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 9_000 });
  assert.deepEqual([status, signal], [0, null]);
});

test('only what others can reach is exposed', async t => {
  assert.equal((await serving(t, HEALTHY)).exposed, false);
  assert.equal((await serving(t, HEALTHY, '127.1.2.3')).exposed, false);
  assert.equal((await serving(t, HEALTHY, 'localhost')).exposed, false);
  assert.equal((await serving(t, HEALTHY, '0.0.0.0')).exposed, true);
});

test('addresses are read as they are written elsewhere', () => {
  for (const [given, host, port] of [
    ['9477', '127.0.0.1', 9477],
    ['127.0.0.1:9477', '127.0.0.1', 9477],
    ['[::1]:80', '::1', 80],
    ['metrics.example:65535', 'metrics.example', 65_535],
  ] as const) {
    assert.deepEqual(listenAddress(given), { host, port });
  }
  for (const wrong of ['', '0', '65536', ':9477', 'x', '::1:80', '[::1]', '[1.2.3.4]:1', 'a b:1', 'http://x:1', '-1']) {
    assert.throws(() => listenAddress(wrong), /It must be PORT or HOST:PORT/, wrong);
  }
});

test('where it cannot listen is one sentence and 2, before anything is captured', async t => {
  const cwd = folder(t);
  const used = connect(portOf(await serving(t, HEALTHY)), '127.0.0.1');
  await once(used, 'connect');
  t.after(() => used.destroy());
  for (const [address, sentence] of [
    [
      `127.0.0.1:${used.remotePort}`,
      /cannot listen on 127\.0\.0\.1, port \d+: the port is in use; name another one\n$/,
    ],
    ['192.0.2.1:9477', /cannot listen on 192\.0\.2\.1, port 9477: it is not an address of this machine\n$/],
    ['9477x', /It must be PORT or HOST:PORT, such as 9477 or \[::1\]:9477; see pawscope live --help\n$/],
  ] as const) {
    const { status, stderr } = pawscope(cwd, ['live', '-i', 'no-such-interface', '--metrics', address]);
    assert.equal(status, 2, stderr);
    assert.match(stderr, sentence);
    assert.match(stderr, /^pawscope: [^\n]+\n$/);
  }
});
