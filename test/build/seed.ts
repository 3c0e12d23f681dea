/**
 * Loaded before the tests. A property tries the same cases on every run, so that a change is judged by what it changed
 * and not by luck; `PAWSCOPE_SEED=random npm test` goes looking for new ones, and what it finds says how to see it again.
 */
import fc from 'fast-check';

const FIXED = 1_323_293_793;
const { PAWSCOPE_SEED: asked = String(FIXED) } = process.env;

if (asked !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(asked) });
