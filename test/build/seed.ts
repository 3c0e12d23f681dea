/**
 * Loaded before the tests. A property tries the same cases in every run, so that the result of a change does not depend
 * on luck. `PAWSCOPE_SEED=random npm test` looks for new cases; a failure prints how to reproduce it.
 */
import fc from 'fast-check';

const FIXED = 1_323_293_793;
const { PAWSCOPE_SEED: asked = String(FIXED) } = process.env;

if (asked !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(asked) });
