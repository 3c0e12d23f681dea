/** A project with the package installed: the unpacked result of `npm pack`, with the dependencies of this checkout. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { ROOT } from '../cli/run.ts';
import { folder } from './store-sample.ts';

const MODULES = join(ROOT, 'node_modules');

export function consumer(t: TestContext): string {
  const project = folder(t);
  const modules = join(project, 'node_modules');
  const installed = join(modules, 'pawscope');
  mkdirSync(installed, { recursive: true });
  // It is built already, and packing must not rebuild while tests run.
  const pack = ['pack', '--ignore-scripts', '--pack-destination', project];
  execFileSync('npm', pack, { cwd: ROOT, stdio: 'pipe' });
  const tarball = readdirSync(project).find(name => name.endsWith('.tgz'))!;
  execFileSync('tar', ['-xzf', join(project, tarball), '-C', installed, '--strip-components=1']);
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  for (const name of [...Object.keys(dependencies), '@types/node', 'undici-types']) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(MODULES, name), join(modules, name));
  }
  writeFileSync(join(project, 'package.json'), '{ "type": "module", "private": true }\n');
  return project;
}

/** The compiler's messages about the project's files; empty if there are none. */
export function compiled(project: string, options: Readonly<Record<string, unknown>>): string {
  const compilerOptions = { strict: true, skipLibCheck: false, noEmit: true, types: [], ...options };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  try {
    execFileSync(join(MODULES, '.bin', 'tsc'), ['-p', project], { encoding: 'utf8', stdio: 'pipe' });
    return '';
  } catch (error) {
    const { stdout } = error as { stdout?: unknown };
    // The compiler could not be run at all.
    if (typeof stdout !== 'string') throw error;
    return stdout;
  }
}
