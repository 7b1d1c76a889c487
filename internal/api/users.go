package api

import (
	"errors"
	"net/http"
	"strings"

	"github.com/hookyard/hookyard"
	"github.com/hookyard/hookyard/client"
	"github.com/hookyard/hookyard/internal/auth"
)

func showCurrentUser(c *call) error {
	return c.reply(http.StatusOK, client.CurrentUser{Name: c.id.User.Name, Admin: c.id.IsAdmin(), Guest: c.id.Guest,
		Token: c.id.Token})
}

func listUsers(c *call) error {
	found, err := c.a.o.Store.Users(c.ctx())
	if err != nil {
		return err
	}
	out := client.Users{Users: []hookyard.User{}}
	for _, u := range found {
		out.Users = append(out.Users, *u)
	}
	return c.reply(http.StatusOK, out)
}

func createUser(c *call) error {
	u := &hookyard.User{}
	if err := c.readUser(u, into(&u.Name)); err != nil {
		return err
	}
	if err := c.checkUserName(u.Name); err != nil {
		return err
	}
	if err := c.a.o.Store.CreateUser(c.ctx(), u); err != nil {
		return err
	}
	c.a.o.Auth.Forget()
	return c.reply(http.StatusCreated, u)
}

func updateUser(c *call) error {
	u, err := c.user(c.param("user"))
	if err != nil {
		return err
	}
	was := *u
	if err := c.readUser(u, nil); err != nil {
		return err
	}
	if was.Admin && !was.Disabled && (!u.Admin || u.Disabled) {
		if err := c.mustNotBeLastAdmin(u); err != nil {
			return err
		}
	}
	if err := c.a.o.Store.UpdateUser(c.ctx(), u); err != nil {
		return err
	}
	c.a.o.Auth.Forget()
	return c.reply(http.StatusOK, u)
}

func removeUser(c *call) error {
	u, err := c.user(c.param("user"))
	if err != nil {
		return err
	}
	if u.Admin && !u.Disabled {
		if err := c.mustNotBeLastAdmin(u); err != nil {
			return err
		}
	}
	if err := c.a.o.Store.DeleteUser(c.ctx(), u); err != nil {
		return err
	}
	c.a.o.Auth.Forget()
	return c.nothing()
}

// user returns the user of that name.
func (c *call) user(name string) (*hookyard.User, error) {
	u, err := c.a.o.Store.UserByName(c.ctx(), name)
	if errors.Is(err, hookyard.ErrNotFound) {
		return nil, hookyard.Errorf(hookyard.NotFound, "no such user [%s]", hookyard.Clean(name, 100))
	}
	return u, err
}

// readUser reads settings into u. name is the field of the name, or nil when it cannot be changed.
func (c *call) readUser(u *hookyard.User, name field) error {
	body, err := c.object()
	if err != nil {
		return err
	}
	var password string
	fields := map[string]field{"password": into(&password), "admin": into(&u.Admin), "disabled": into(&u.Disabled)}
	ignored := []string{"name", "subject", "createdAt"}
	if name != nil {
		fields["name"], ignored = name, ignored[1:]
	}
	if err := body.read(fields, ignored...); err != nil {
		return err
	}
	if !body.has("password") {
		return nil
	}
	if u.PasswordHash = ""; password == "" {
		return nil
	}
	u.PasswordHash, err = auth.HashPassword(password)
	return err
}

// checkUserName refuses names that cannot own a project. That it is not another's is the store's to say.
func (c *call) checkUserName(name string) error {
	if err := (&hookyard.Project{Owner: name, Name: "x"}).Validate(c.a.o.Limits); err != nil {
		return hookyard.FieldErrorf("name", "user name must be 1 to 100 of the characters A-Z a-z 0-9 . _ -")
	}
	if strings.EqualFold(name, auth.GuestName) {
		return hookyard.FieldErrorf("name", "guest is whoever has not signed in; choose another name")
	}
	return nil
}

// mustNotBeLastAdmin keeps the server from being left without anybody who may administer it.
func (c *call) mustNotBeLastAdmin(u *hookyard.User) error {
	all, err := c.a.o.Store.Users(c.ctx())
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.Key != u.Key && other.Admin && !other.Disabled {
			return nil
		}
	}
	return hookyard.Errorf(hookyard.Conflict, "user %s is the only administrator: make another one first", u.Name)
}
