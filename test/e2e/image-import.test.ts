// `rackboot images import` of a stream, a plain site and a bundle, each downloaded image checked as its site signed it.
// @host waits, 30 s

import { testImageImports } from '../cases/image-imports.ts';

testImageImports('short');
