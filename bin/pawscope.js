#!/usr/bin/env node
// First of all, and for good: Node answers SIGUSR1 by opening its debugger to everybody on this machine, and `live`
// begins as root. Hence no import above it, which would be evaluated before.
process.on('SIGUSR1', () => {});

const { start } = await import('../dist/src/cli/start.js');

await start(process.argv);
