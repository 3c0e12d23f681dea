/** The page of an incident in a real browser: it opens in silence, shows, filters, links, and lets no data become HTML. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { Store } from '../../../src/store/store.ts';
import { launch, NO_BROWSER, open } from '../../build/browser.ts';
import { captureInfo, finding, findings, newRun } from '../../build/store-sample.ts';
import { fixture, pawscope } from '../../cli/run.ts';

const HOSTILE = `<img src=x onerror="document.title='owned'"></script><script>document.title='owned'</script>`;

describe('the page of an incident', { skip: NO_BROWSER }, () => {
  let browser: Browser;
  let folder: string;
  let file: string;

  before(async () => {
    browser = await launch();
    folder = mkdtempSync(join(tmpdir(), 'pawscope-page-'));
    const captures = ['lab-recycle-two-hosts.pcap', 'lab-tw-reuse-8-ports.pcap', 'time-wait-collision-one-second.pcap'];
    pawscope(folder, ['analyze', '-q', '--db', 'x.db', ...captures.map(fixture)]);
    assert.equal(pawscope(folder, ['report', 'x.db', '-o', 'x.html']).status, 0);
    file = join(folder, 'x.html');
  });

  after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const width of [1440, 390]) {
    test(`opens without a complaint or a request, and nothing sticks out, ${width} px wide`, async () => {
      const { page, complaints } = await open(browser, file, '', width);
      assert.match((await page.textContent('.verdict p.main')) ?? '', /^\d+ of \d+ connection attempts from/);
      assert.deepEqual(complaints, []);
      const sticking = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
      assert.ok(Number(sticking) <= 0, `${sticking} px too wide`);
      await page.close();
    });
  }

  test('every chart has drawn something on its plane, and has its numbers behind it', async () => {
    const { page } = await open(browser, file);
    const ids = await page.locator('figure.chart').evaluateAll(nodes => nodes.map(node => node.id));
    for (const id of ['chart-clock-0', 'chart-reuse', 'chart-lifelines', 'chart-resets', 'chart-time-wait'])
      assert.ok(ids.includes(id), id);
    for (const id of ids) {
      const box = await page.locator(`#${id} svg :is(path.line, rect, .cross, .ring)`).first().boundingBox();
      assert.ok(box !== null && box.width + box.height > 1, `${id} is empty`);
      assert.ok((await page.locator(`#${id} tbody tr`).count()) > 0, `${id} has no numbers`);
    }
    await page.close();
  });

  test('the time of the incident is told in UTC, and from begin to end where it is read', async () => {
    const page = await browser.newPage({ timezoneId: 'Asia/Tokyo', locale: 'en-GB' });
    await page.goto(pathToFileURL(file).href);
    const told = (await page.textContent('header p')) ?? '';
    assert.match(told, /2023-11-14 22:13:20Z to 2026-11-21 \d\d:\d\d:\d\dZ \(UTC, /);
    assert.match(told, /15 Nov(ember)? 2023.* 07:13:20 .*–.*21 Nov(ember)? 2026.* in your time zone/);
    await page.close();
  });

  test('search and filters show what matches, and say how many', async () => {
    const { page } = await open(browser, file);
    const rows = page.locator('#list button.row');
    const all = await rows.count();
    await page.fill('#search', 'timestamp-regress ticks');
    const some = await rows.count();
    assert.ok(some > 0 && some < all, `${some} of ${all}`);
    assert.match((await page.textContent('#count')) ?? '', new RegExp(`^${some} of \\d+ findings match$`));
    await page.click('#clear');
    assert.equal(await rows.count(), all);
    await page.selectOption('#severity', { label: 'critical or worse' });
    assert.deepEqual(await page.locator('#list .badge').allTextContents(), ['critical']);
    await page.close();
  });

  test('a link to a finding opens it, with its ladder, the deciding numbers, the advice and the commands', async () => {
    const { page, complaints } = await open(browser, file);
    const link = page.locator('.verdict a').first();
    const hash = (await link.getAttribute('href'))!;
    await link.click();
    const opened = page.locator(`#list li[data-id="${hash.slice('#finding='.length)}"]`);
    await opened.locator('svg.ladder').waitFor();
    assert.match(await opened.innerText(), /How to verify[\s\S]*Do not[\s\S]*tshark -r .*frame\.number in/);
    await page.close();
    const again = await open(browser, file, hash);
    await again.page.locator(`#list svg.ladder`).waitFor();
    assert.deepEqual([...complaints, ...again.complaints], []);
    await again.page.close();
  });

  test('the old connection is drawn apart from the new one, over a break in time, and what decided is marked', async () => {
    const { page } = await open(browser, file, '#finding=0477a892ea341d53');
    const ladder = page.locator('#list svg.ladder');
    await ladder.waitFor();
    assert.ok((await ladder.locator('.arrow.old').count()) > 0);
    assert.equal(await ladder.locator('.arrow.raised').count(), 1);
    assert.ok((await ladder.locator('.gap').count()) >= 2);
    assert.ok((await ladder.locator('tspan.decided').allTextContents()).includes('10030055'));
    await page.close();
  });

  test('the keyboard is enough: / searches, j goes down, Enter opens', async () => {
    const { page } = await open(browser, file);
    await page.keyboard.press('/');
    await page.keyboard.type('port-reuse');
    await page.keyboard.press('Escape');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.locator('#list svg.ladder').waitFor();
    assert.match(page.url(), /#finding=[0-9a-f]{16}$/);
    await page.close();
  });

  test('names and comments of a hostile capture stay text', async () => {
    const path = join(folder, 'hostile.db');
    const notes = [{ kind: 'comment' as const, text: `interface ${HOSTILE}` }];
    const store = new Store(path, newRun({ captures: [captureInfo({ source: `${HOSTILE}.pcap`, notes })] }));
    store.findings([finding({ title: HOSTILE, evidence: { class: HOSTILE, outcome: HOSTILE, age: 1 } })]);
    store.finish('done', 1_800_000_001_000_000_000n, { frames: 2 });
    store.close();
    assert.equal(pawscope(folder, ['report', 'hostile.db', '-o', 'hostile.html']).status, 0);
    const { page, complaints } = await open(browser, join(folder, 'hostile.html'), '#finding=00000000000000a1');
    await page.locator('#list svg.ladder').waitFor();
    assert.equal(await page.title(), 'Why did these connections fail? Pawscope');
    assert.equal(await page.locator('img').count(), 0);
    assert.ok((await page.innerText('main')).includes(HOSTILE));
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test('200,000 findings fit into three million bytes, say what is left out, and are there within two seconds', async () => {
    const path = join(folder, 'large.db');
    const store = new Store(path, newRun());
    for (let i = 0; i < 200; i++) {
      const evidence = { class: i % 3 === 0 ? 'abort' : 'refused', idle: i, from: 'client' };
      const some = findings(1000, { rule: 'reset-close', evidence });
      store.findings(some.map((each, k) => ({ ...each, id: (i * 1000 + k).toString(16).padStart(16, '0') })));
    }
    store.finish('done', 1_800_000_001_000_000_000n, {
      frames: 1_000_000,
      flows: 400_000,
      'findings.reset-close': 200_000,
    });
    store.close();
    assert.equal(pawscope(folder, ['report', 'large.db', '-o', 'large.html']).status, 0);
    const large = join(folder, 'large.html');
    assert.ok(statSync(large).size < 3_000_000, `${statSync(large).size} bytes`);
    const { page, complaints } = await open(browser, large);
    const painted = await page.evaluate(
      `new Promise(resolve => new PerformanceObserver(all => resolve(all.getEntries()[0].startTime))
        .observe({ type: 'paint', buffered: true }))`,
    );
    assert.ok(Number(painted) < 2000, `first paint after ${painted} ms`);
    assert.match((await page.textContent('#findings p')) ?? '', /^6,000 of the 200,000 stored findings are listed/);
    await page.click('#next');
    assert.equal(await page.textContent('#place'), 'Page 2 of 60');
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test('a run without findings says what was looked for', async () => {
    pawscope(folder, ['analyze', '-q', '--db', 'healthy.db', fixture('healthy-traffic.pcap')]);
    assert.equal(pawscope(folder, ['report', 'healthy.db', '-o', 'healthy.html']).status, 0);
    const { page, complaints } = await open(browser, join(folder, 'healthy.html'));
    assert.match(await page.innerText('#verdict'), /None in \d+ flows\. Looked for/);
    assert.deepEqual(complaints, []);
    await page.close();
  });
});

test('without a script the page still holds verdict, pictures and the worst of each cause', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pawscope-page-'));
  try {
    pawscope(folder, ['analyze', '-q', '--db', 'x.db', fixture('lab-recycle-two-hosts.pcap')]);
    const { stdout, status } = pawscope(folder, ['report', 'x.db']);
    assert.equal(status, 0);
    const text = stdout.replace(/<script[\s\S]*?<\/script>/g, '');
    for (const part of ['class="verdict critical"', 'chart-clock-0', 'class="ladder"', 'tshark -r', 'Do not']) {
      assert.ok(text.includes(part), part);
    }
    assert.match(stdout, /default-src &apos;none&apos;; style-src &apos;sha256-[^ ]+ script-src &apos;sha256-/);
    assert.doesNotMatch(stdout, /\son\w+=|javascript:|https?:\/\/(?!www\.w3\.org)/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
