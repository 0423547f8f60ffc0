// `rackboot images import`, `available` and `check-sources` in every form.
// @host alone

import { testImageImports } from '../cases/image-imports.ts';

testImageImports('all');
