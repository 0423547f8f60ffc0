// BMCs of machines that run other environments, and of machines that report themselves again.

import { testFoundBmc } from '../support/found-bmc.ts';

testFoundBmc({ content: 'amd64', boots: 2 });
testFoundBmc({ content: 'amd64-installer', boots: 1 });
