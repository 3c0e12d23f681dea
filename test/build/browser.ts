/** Debian's headless chromium, for tests of the page; they are skipped where it is not installed. */
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';

/** For the option `skip` of a test: the reason where there is no browser, else false. */
export const NO_BROWSER = existsSync(CHROMIUM) ? false : 'needs chromium';

export const launch = (): Promise<Browser> => chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });

export interface Opened {
  page: Page;
  /** Console messages, errors, and every request except that for the file itself. */
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
