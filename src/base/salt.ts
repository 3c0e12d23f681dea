import { randomInt } from 'node:crypto';

/**
 * Salt for the hashes of tables whose keys come from the capture. It differs in every process, so that nobody can craft
 * a capture whose keys all collide in one probe chain. No result depends on it.
 */
export const SALT = randomInt(2 ** 32 - 1) | 0;
