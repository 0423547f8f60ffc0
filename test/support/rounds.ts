// How much a test file does: few rounds in `npm test`, many in `npm run test:long`, which sets the variable (test/run.ts).

/** Whether all cases are wanted, however long they take. */
export const HAS_MANY_ROUNDS = process.env.RACKBOOT_ROUNDS === 'many';
