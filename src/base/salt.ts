import { randomInt } from 'node:crypto';

/**
 * Goes into the hashes of tables whose keys come from the capture: it differs in every process, so that nobody can make
 * a capture that fills one probe chain. No result depends on it.
 */
export const SALT = randomInt(2 ** 32 - 1) | 0;
