// Import this for its effect: in this process, scrypt costs a two-thousandth. Tests of limits and queues check hundreds of passwords, and their
// results do not depend on the cost of one. The tests of commands and pages check passwords at the full cost.

import crypto, { type BinaryLike, type ScryptOptions } from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { mock } from 'node:test';

type Done = (error: Error | null, key: Buffer) => void;

const CHEAP_BLOCKS = 16;
const { scrypt } = crypto;

mock.method(
  crypto,
  'scrypt',
  (password: BinaryLike, salt: BinaryLike, length: number, options: ScryptOptions, done: Done) =>
    scrypt(password, salt, length, { ...options, N: CHEAP_BLOCKS }, done),
);
syncBuiltinESMExports();
