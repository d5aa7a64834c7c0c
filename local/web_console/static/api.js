// The console's own JSON. An error's text is meant for people.
export async function ask(path, body, signal) {
  const options = { signal };
  if (body !== undefined) {
    options.method = "POST";
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let response;
  let answer;
  try {
    response = await fetch(path, options);
    answer = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The console does not answer. Is “make run” still running?");
  }
  if (!response.ok) throw new Error(answer.error || `The console answered ${response.status}.`);
  return answer;
}
