/** Debian's chromium without a window, for tests of the page; where it is not installed they are skipped. */
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';

/** What a test is told where there is no browser; false where there is one. */
export const NO_BROWSER = existsSync(CHROMIUM) ? false : 'needs chromium';

export const launch = (): Promise<Browser> => chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });

export interface Opened {
  page: Page;
  /** Messages of the console, errors, and every request besides that of the file itself. */
  complaints: string[];
}

export async function open(browser: Browser, file: string, hash = '', width = 1440): Promise<Opened> {
  const page = await browser.newPage({ viewport: { width, height: 900 } });
  const complaints: string[] = [];
  const address = pathToFileURL(file).href;
  page.on('console', message => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', error => complaints.push(error.message));
  page.on('request', request => {
    if (request.url().split('#')[0] !== address) complaints.push(`request for ${request.url()}`);
  });
  await page.goto(address + hash);
  return { page, complaints };
}
