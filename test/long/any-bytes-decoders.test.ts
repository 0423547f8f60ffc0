// For any bytes, and more of them than every run has, a decoder returns a value or its own refusal, with time and memory in proportion to the bytes.
// @host computes, 20 s

import { describe } from 'node:test';
import { tryDecoders } from '../conformance/tried-decoders.ts';

describe('for any bytes', () => tryDecoders({ bentPerSample: 100, large: 12, noise: 100, cutsMax: 600 }));
