/** Gives up root: once everything is open, the process becomes a user who can do no harm. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, lchownSync, readFileSync } from 'node:fs';
import { native } from '../../capture/native.ts';
import { UsageError } from '../exit.ts';

export interface User {
  name: string;
  uid: number;
  gid: number;
}

const HARMLESS = 'nobody';
const CAP_NET_RAW = 13n;

const isRoot = (): boolean => process.geteuid?.() === 0;

/** The user to become: the one that -Z names, or nobody if this is root. Undefined to stay the same user. */
export function userToBecome(named: string | undefined): User | undefined {
  if (named === '') throw new UsageError('-Z: the name of the user is empty; is a variable not set?');
  if (!isRoot()) {
    if (named === undefined) return undefined;
    throw new UsageError('-Z: only root can become another user');
  }
  const user = lookUp(named ?? HARMLESS);
  if (user.uid === 0) return undefined;
  refuseImpossible(user);
  return user;
}

/**
 * Throws a UsageError if root cannot become `user`, as in some containers and user namespaces. Starts a process as that
 * user, to have the system's own answer.
 */
function refuseImpossible({ name, uid, gid }: User): void {
  const { error } = spawnSync('true', { uid, gid, cwd: '/', stdio: 'ignore' });
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  if (code === 'EPERM' || code === 'EINVAL') throw new UsageError(cannotBecome(name));
}

const cannotBecome = (name: string): string =>
  `root cannot be given up: this process may not become ${name} (it lacks CAP_SETUID, CAP_SETGID or CAP_CHOWN, or its ` +
  'user namespace has no such user); stay root with -Z root, or start as another user with the ambient capability CAP_NET_RAW';

function lookUp(name: string): User {
  const ask = (what: string): number =>
    Number(execFileSync('id', [what, '--', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  try {
    return { name, uid: ask('-u'), gid: ask('-g') };
  } catch {
    throw new UsageError(`-Z: there is no user ${name}; name another one, or -Z root to stay root`);
  }
}

/**
 * Becomes `user`. `keepRaw`: keeps CAP_NET_RAW, so that an interface that was lost can be opened again. `files`,
 * created by root, are given to the user; a symbolic link put in the place of one is not followed.
 */
export function become({ name, uid, gid }: User, keepRaw: boolean, files: readonly string[]): void {
  const addon = native('giving up root');
  try {
    for (const file of files) if (existsSync(file)) lchownSync(file, uid, gid);
    addon.becomeUser(name, uid, gid, keepRaw);
  } catch (error) {
    throw new UsageError(`${cannotBecome(name)}: ${(error as Error).message}`);
  }
}

/** Whether this process may capture on interfaces, according to /proc. */
export function mayCapture(): boolean {
  const [, effective = '0'] = /^CapEff:\s*([\da-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
  return ((BigInt(`0x${effective}`) >> CAP_NET_RAW) & 1n) === 1n;
}
