// Calls the SDK that standard input lists, one after the other; writes what it read of each answer.
//   {"url", "token", "calls": [{"api", "method", "arguments"}]}
const sdk = require('@segment/public-api-sdk-typescript');

async function main() {
  const input = JSON.parse(require('fs').readFileSync(0, 'utf8'));
  const bodies = [];
  for (const call of input.calls) {
    const api = new sdk[call.api](input.url);
    api.accessToken = input.token;
    const { body } = await api[call.method](...call.arguments);
    bodies.push(body);
  }
  process.stdout.write(JSON.stringify(bodies));
}

main().catch((error) => {
  console.error(error.body || error);
  process.exit(1);
});
