// Calls the SDK as it is told on standard input, one after the other; writes what it read of each answer.
//   {"url", "token", "calls": [{"api", "method", "arguments"}]}
const sdk = require('@segment/public-api-sdk-typescript');

async function main() {
  const told = JSON.parse(require('fs').readFileSync(0, 'utf8'));
  const bodies = [];
  for (const call of told.calls) {
    const api = new sdk[call.api](told.url);
    api.accessToken = told.token;
    const { body } = await api[call.method](...call.arguments);
    bodies.push(body);
  }
  process.stdout.write(JSON.stringify(bodies));
}

main().catch((error) => {
  console.error(error.body || error);
  process.exit(1);
});
